//! One schedule: some clients, some environments, one seed that decides everything, and what must hold.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dynoxide::Database;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use workflow_runs::model::ClientToken;

use super::aws::{Journal, Services};
use super::environment::{Answer, Environment};
use super::moods::network;
use super::paused::{on_paused_time, put_definition};

/// What one client wants, and asks for until it has an answer it can use.
#[derive(Clone, Debug)]
struct Job {
    account_id: String,
    definition: &'static str,
    client_token: String,
    model_id: &'static str,
    log_group_name: Option<String>,
    starts_after: Duration,
}

/// Runs the schedule of a seed, and returns its trace.
///
/// # Panics
/// If something does not hold.
pub fn run(database: Database, seed: u64) -> Vec<String> {
    let quota = if seed.is_multiple_of(3) { 1.0 } else { 10.0 };
    on_paused_time(database, seed, quota, async |services| {
        schedule(services, seed).await;
        services.take_trace()
    })
}

async fn schedule(services: &Arc<Services>, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let accounts = [format!("{seed}a"), format!("{seed}b")];
    for account_id in &accounts {
        put_definition(services, account_id, "demo", "ACTIVE");
        put_definition(services, account_id, "off", "DELETING");
    }
    put_definition(services, &accounts[0], "theirs", "ACTIVE");
    let jobs: Vec<Job> = (0..rng.usize(1..=6)).map(|_| job(&mut rng, seed, &accounts)).collect();
    let network = network(services, &mut rng);
    // Lambda's default, and the template's.
    let timeout = Duration::from_secs(*rng.choice(&[3, 15]).unwrap());
    let environments: Arc<Mutex<Vec<Arc<Environment>>>> = Arc::default();
    for _ in 0..rng.usize(1..=3) {
        environments.lock().unwrap().push(Arc::new(Environment::start(services, &network, timeout)));
    }

    let mut clients = JoinSet::new();
    for job in jobs.clone() {
        let (services, network, environments) = (Arc::clone(services), Arc::clone(&network), Arc::clone(&environments));
        clients.spawn(async move {
            sleep(job.starts_after).await;
            for attempt in 0.. {
                assert!(attempt < 200, "{job:?} gets no answer that it can use");
                let environment = {
                    let mut environments = environments.lock().unwrap();
                    let at = fastrand::usize(..environments.len());
                    if environments[at].is_dead() {
                        environments[at] = Arc::new(Environment::start(&services, &network, timeout));
                    }
                    Arc::clone(&environments[at])
                };
                if let Some(answer) = ask(&services, &environment, &job, timeout).await {
                    return (job, answer);
                }
                sleep(Duration::from_millis(fastrand::u64(50..=1_000))).await;
            }
            unreachable!()
        });
    }
    let finisher = Arc::clone(services);
    let finish_after = Duration::from_millis(rng.u64(..10_000));
    tokio::spawn(async move {
        sleep(finish_after).await;
        finisher.finish_runs();
    });
    let ended = clients.join_all().await;
    // What is still under way lands now.
    sleep(Duration::from_mins(1)).await;

    // No create has changed or removed a run.
    for (key, run) in services.runs() {
        assert_eq!(services.item(&key), Some(run));
    }
    // One token of one account: one run, and no run that nobody asked for.
    for (job, answer) in &ended {
        let key = job.run_key();
        let same_token: Vec<_> = ended.iter().filter(|(other, _)| other.run_key() == key).collect();
        let ids: Vec<_> = same_token.iter().filter_map(|(_, answer)| answer.body.get("workflowRunId")).collect();
        assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
        assert_eq!(services.item(&key).is_some(), !ids.is_empty(), "{key}");
        // Somebody gets the run, unless nobody may.
        let may_start = same_token.iter().any(|(job, _)| job.may_start(&accounts[0]));
        assert_eq!(!ids.is_empty(), may_start, "{job:?}: {answer:?}");
        assert!(same_token.iter().all(|(job, answer)| answer.status != 201 || job.may_start(&accounts[0])));
        // And two different requests do not both.
        let mut started = same_token.iter().filter(|(_, answer)| answer.status == 201);
        if let Some((first, _)) = started.next() {
            assert!(started.all(|(other, _)| other.request() == first.request()), "{key}");
        }
    }
    let asked_for: Vec<_> = jobs.iter().map(Job::run_key).collect();
    assert!(services.runs().keys().all(|key| asked_for.contains(key)));
}

fn job(rng: &mut fastrand::Rng, seed: u64, accounts: &[String]) -> Job {
    Job {
        account_id: rng.choice(accounts).unwrap().clone(),
        definition: if rng.u8(..3) == 0 { rng.choice(["nope", "off", "theirs", "theirs"]).unwrap() } else { "demo" },
        client_token: format!("token-of-a-client-{:016}", rng.u64(..3)),
        model_id: match rng.u8(..16) {
            0 => "", // invalid
            1 | 2 => "another",
            _ => "nova-act-latest",
        },
        log_group_name: (rng.u8(..4) != 0).then(|| format!("/{seed}/{}", rng.u8(..2))),
        starts_after: Duration::from_millis(rng.u64(..1_500)),
    }
}

impl Job {
    /// What makes two requests equal.
    fn request(&self) -> (&str, Value) {
        (self.definition, self.body())
    }

    fn body(&self) -> Value {
        json!({
            "clientInfo": {"compatibilityVersion": 1},
            "clientToken": self.client_token,
            "logGroupName": self.log_group_name,
            "modelId": self.model_id,
        })
    }

    fn is_valid(&self) -> bool {
        !self.model_id.is_empty()
    }

    /// Whether the request is valid, the account has the definition, and it is active.
    fn may_start(&self, account_of_theirs: &str) -> bool {
        let has_definition =
            self.definition == "demo" || self.definition == "theirs" && self.account_id == account_of_theirs;
        self.is_valid() && has_definition
    }

    fn run_key(&self) -> String {
        let id = ClientToken::new(&self.client_token).unwrap().workflow_run_id(&self.account_id);
        format!("run/{}/{}", self.account_id, id.as_str())
    }
}

/// One attempt of a client. The answer, if the client can use it: if it would be the same for ever.
async fn ask(services: &Services, environment: &Environment, job: &Job, timeout: Duration) -> Option<Answer> {
    let asked = Instant::now();
    let run_was_there = services.item(&job.run_key()).is_some();
    let (answer, journal) = environment.invoke(&job.account_id, job.definition, &job.body()).await;
    let took = asked.elapsed();
    assert!(took < timeout, "an answer after {took:?}");
    let Some(answer) = answer else {
        services.trace("died");
        return None;
    };
    let about = [&answer.body["resourceType"], &answer.body["serviceCode"]].map(|about| about.as_str().unwrap_or("-"));
    services.trace(format_args!("{} {} {}", answer.status, answer.error, about.join(" ")));
    check_answer(services, &job.run_key(), job.log_group_name.as_deref(), &answer);
    check_content(services, job, &answer);
    check_left_behind(job, &answer, &journal, run_was_there, took + Duration::from_millis(500) > timeout);
    (answer.status == 201 || is_refusal(job, &answer)).then_some(answer)
}

/// Whether validation, what the read found, or the run that is there already has refused the request, for good.
fn is_refusal(job: &Job, answer: &Answer) -> bool {
    match answer.status {
        // CloudWatch Logs refuses names, too, when a fault says so.
        400 => !job.is_valid(),
        404 => true,
        409 => answer.body["resourceType"] != "log-group",
        _ => false,
    }
}

/// What must hold of every answer: it is a documented one; and a 201 means that the run exists, and its log group.
pub fn check_answer(services: &Services, run_key: &str, log_group_name: Option<&str>, answer: &Answer) {
    let documented = [
        (201, "", false),
        (400, "ValidationException", false),
        (403, "AccessDeniedException", false),
        (404, "ResourceNotFoundException", false),
        (409, "ConflictException", false),
        (429, "ThrottlingException", true),
        (500, "InternalServerException", true),
    ];
    assert!(documented.contains(&(answer.status, &answer.error, answer.retry_after)), "{answer:?}");
    assert_eq!(answer.body["__type"].as_str().unwrap_or_default(), answer.error);
    if answer.status == 201 {
        let run = services.item(run_key).unwrap_or_else(|| panic!("201, and no run {run_key}"));
        assert_eq!(answer.body["workflowRunId"], run["workflowRunId"]["S"]);
        assert!(log_group_name.is_none_or(|name| services.log_groups().contains(name)), "201, and no log group");
    }
}

/// An answer must be right about what it names.
fn check_content(services: &Services, job: &Job, answer: &Answer) {
    let run = services.item(&job.run_key());
    let is_of_job = run.as_ref().is_some_and(|run| {
        let log_group_name = run.get("logGroupName").map(|name| &name["S"]);
        run["workflowDefinitionName"]["S"] == job.definition
            && run["modelId"]["S"] == job.model_id
            && log_group_name.and_then(Value::as_str) == job.log_group_name.as_deref()
    });
    match (answer.status, answer.body["resourceType"].as_str()) {
        (201, _) => assert!(is_of_job, "{job:?}: {answer:?}, and the run is {run:?}"),
        (404, _) => assert!(matches!(job.definition, "nope" | "theirs"), "{job:?}: {answer:?}"),
        (409, Some("workflow-definition")) => assert_eq!(job.definition, "off"),
        (409, Some("workflow-run")) => assert!(run.is_some() && !is_of_job, "{job:?}: {answer:?}"),
        _ => {}
    }
    assert!(job.is_valid() || answer.status == 400, "{answer:?}");
}

fn check_left_behind(job: &Job, answer: &Answer, journal: &Journal, run_was_there: bool, out_of_time: bool) {
    // Who loses the race of the put may leave an empty log group. There is no race if the run was there before.
    let lost_the_race = journal.put_sent && !run_was_there;
    if is_refusal(job, answer) && !lost_the_race {
        assert!(!journal.run_created && !journal.log_group_left, "{answer:?} has left something behind");
    }
    if answer.status != 201 && journal.run_created {
        // The commit's answer was lost; or the invocation's time was over before it could be passed on.
        assert!(journal.put_in_doubt > 0 || out_of_time, "{answer:?} for a run that was created");
    }
}
