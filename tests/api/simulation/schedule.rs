//! One schedule: some clients, some processes, one seed that decides everything, and what must hold.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::support::run_id;
use dynoxide::Database;
use jiff::SignedDuration;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::client::World;
use super::guarantees;
use crate::simulator::coverage::Sight;
use crate::simulator::fault_plan::FaultPlan;
use crate::simulator::network::LATEST;
use crate::simulator::process::Settings;
use crate::simulator::services::Services;
use crate::simulator::stream::Mapping;
use crate::simulator::virtual_time::{on_virtual_time, put_runs};
use crate::support::request::{Page, Request};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Few names, tokens and accounts, so that clients collide all the time.
const NAMES: [&str; 2] = ["demo", "other"];
const RUN_TOKENS: u64 = 2;
const DEFINITION_TOKENS: u64 = 2;

/// Runs the schedule of a seed, and returns its trace and what it has seen.
///
/// # Panics
/// If something does not hold.
pub fn run(database: Database, seed: u64) -> (Vec<String>, BTreeSet<Sight>) {
    let quota = if seed.is_multiple_of(3) { 1.0 } else { 10.0 };
    on_virtual_time(database, seed, quota, async |services| {
        schedule(services, seed).await;
        (services.take_trace(), services.take_seen())
    })
}

/// What the clients of a schedule are like.
#[derive(Clone, Copy)]
struct Habits {
    seed: u64,
    /// How many of a hundred requests delete a definition.
    deletions: u32,
}

async fn schedule(services: &Arc<Services>, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let accounts = [0, 1].map(|last| format!("{seed:011}{last}"));
    let index_delay = Duration::from_millis(*rng.choice(&[0, 50, 1_000, 5_000]).unwrap());
    services.delay_index(index_delay);
    let settings = settings(&mut rng);
    let habits = Habits { seed, deletions: *rng.choice(&[0, 3, 10]).unwrap() };
    let plan = FaultPlan::new(services, &mut rng);
    let mapping = mapping(services, &plan, &mut rng, &settings);
    let world = World::new(services, plan, settings, rng.usize(1..=3));

    for account_id in &accounts {
        for name in NAMES.into_iter().take(rng.usize(1..=2)) {
            world.insist(account_id, &create_definition(&mut rng, name), 1).await.unwrap();
        }
        for token in 0..rng.u64(..=RUN_TOKENS) {
            world.insist(account_id, &create_run(&mut rng, "demo", Some(run_token(token)), seed), 1).await;
        }
    }
    if seed.is_multiple_of(100) {
        put_runs(services, &accounts[0], 130);
    }
    for phase in 0..rng.usize(1..=3) {
        if phase > 0 {
            let token = run_token(rng.u64(..RUN_TOKENS));
            world.insist(&accounts[0], &create_run(&mut rng, "demo", Some(token.clone()), seed), 3).await;
            sleep(pause(&mut rng, settings)).await;
            services.delete_expired(*rng.choice(&[0, 50, 100]).unwrap());
            world.restart_some();
            end_what_was_left(&world, &mut rng, &accounts[0], token).await;
        }
        world.plan.begin_phase();
        let mut clients = JoinSet::new();
        for _ in 0..rng.usize(2..=3) {
            clients.spawn(client(Arc::clone(&world), rng.fork(), accounts.clone(), habits));
        }
        clients.join_all().await;
    }
    world.plan.end();
    mapping.calm_down();
    if rng.u8(..4) == 0 || seed.is_multiple_of(100) {
        let (account_id, name) = (rng.choice(&accounts).unwrap(), *rng.choice(&NAMES).unwrap());
        delete_with_late_starts(&world, account_id, name).await;
    }
    // What is still under way lands now.
    sleep(LATEST + index_delay + Duration::from_secs(1)).await;
    mapping.drain().await;
    read_everything(&world, &mut rng, &accounts).await;
    delete_again_what_was_lost(&world, &accounts).await;
    finish_deletions(services, &mapping, index_delay).await;
    guarantees::check_deleted_generations_left_no_run(services);
    if rng.bool() {
        create_with_every_token(&world, &accounts).await;
    }
    guarantees::check(services, &world.take_seen(), index_delay);
}

/// What is deployed, and often what replaces it: the same, or with other settings.
fn settings(rng: &mut fastrand::Rng) -> [Settings; 2] {
    let mut draw = || Settings {
        // Lambda's default, and the template's.
        timeout: Duration::from_secs(*rng.choice(&[3, 15]).unwrap()),
        run_timeout: *rng.choice(&[None, Some(HOUR), Some(2 * HOUR)]).unwrap(),
        run_retention: *rng.choice(&[None, None, Some(DAY), Some(2 * DAY)]).unwrap(),
        run_log_retention_days: rng.bool().then_some(30),
        ahead: SignedDuration::ZERO,
    };
    let (one, other) = (draw(), draw());
    [one, if rng.bool() { one } else { other }]
}

/// The time between two phases: long enough, now and then, for a definition to go, a tombstone to expire or a run to time
/// out.
fn pause(rng: &mut fastrand::Rng, settings: [Settings; 2]) -> Duration {
    let timeout = rng.choice(settings).unwrap().run_timeout;
    let mut seconds = |range| Duration::from_secs(rng.u64(range));
    match (fastrand::u8(..10), timeout) {
        (0..2, _) => seconds(1..10),
        (2..4, _) => seconds(40..75),
        (4 | 5, Some(timeout)) => timeout.saturating_sub(seconds(0..20)),
        (4..7, _) => seconds(100..300),
        (7, _) => 25 * HOUR,
        (8, _) => 3 * HOUR,
        // About the end of a retention, of a tombstone, or a day after one of them.
        _ => (fastrand::u32(1..=3) * DAY + Duration::from_secs(10)).saturating_sub(seconds(0..20)),
    }
}

/// A client that comes back ends a run of which it may not know that it has timed out, been deleted or ended.
async fn end_what_was_left(world: &World, rng: &mut fastrand::Rng, account_id: &str, token: String) {
    let id = run_id(account_id, token);
    let status = rng.choice(["SUCCEEDED", "FAILED", "TIMED_OUT"]).unwrap();
    let end = Request::UpdateRun { name: "demo", id, status };
    world.ask(account_id, &end).await;
}

/// A client: some requests, one after another, each until its response would stay the same or patience ends.
async fn client(world: Arc<World>, mut rng: fastrand::Rng, accounts: [String; 2], habits: Habits) {
    sleep(Duration::from_millis(rng.u64(..1_500))).await;
    for _ in 0..rng.usize(1..=4) {
        let account_id = &accounts[usize::from(rng.u8(..6) == 0)];
        let patience = rng.usize(1..=6);
        match rng.u8(..100) {
            0..12 => {
                let name = if rng.u8(..8) == 0 { "nope" } else { *rng.choice(&NAMES).unwrap() };
                world.list(account_id, Some(name), page(&mut rng), patience).await;
            }
            12..18 => drop(world.list(account_id, None, page(&mut rng), patience).await),
            _ => drop(world.insist(account_id, &request(&mut rng, &accounts, account_id, habits), patience).await),
        }
        sleep(Duration::from_millis(rng.u64(..800))).await;
    }
}

fn page(rng: &mut fastrand::Rng) -> Page {
    let max_results = *rng.choice(&[Some(1), Some(1), Some(2), Some(100), None, Some(0)]).unwrap();
    Page { max_results, next_token: None, order: *rng.choice(&[None, Some("Ascending"), Some("Descending")]).unwrap() }
}

fn create_definition(rng: &mut fastrand::Rng, name: &'static str) -> Request {
    let token = (rng.u8(..10) != 0).then(|| definition_token(rng.u64(..DEFINITION_TOKENS)));
    Request::CreateDefinition { name, token, description: (rng.u8(..8) == 0).then_some("another") }
}

fn request(rng: &mut fastrand::Rng, accounts: &[String], account_id: &str, habits: Habits) -> Request {
    let name = match rng.u8(..40) {
        0 => "not.valid",
        1 => "nope",
        2..10 => "other",
        _ => "demo",
    };
    if rng.u32(..100) < habits.deletions {
        return Request::DeleteDefinition { name };
    }
    let token = |rng: &mut fastrand::Rng| run_token(rng.u64(..RUN_TOKENS));
    let id = |rng: &mut fastrand::Rng| {
        let owner = if rng.u8(..10) == 0 { rng.choice(accounts).unwrap() } else { account_id };
        run_id(owner, token(rng))
    };
    match rng.u8(..20) {
        0..6 => {
            let token = (rng.u8(..16) != 0).then(|| token(rng));
            create_run(rng, name, token, habits.seed)
        }
        6..11 => {
            let statuses = ["SUCCEEDED", "SUCCEEDED", "FAILED", "FAILED", "TIMED_OUT", "RUNNING", "DELETING"];
            Request::UpdateRun { name, id: id(rng), status: rng.choice(statuses).unwrap() }
        }
        11..14 => Request::GetRun { name, id: id(rng) },
        14..17 => Request::DeleteRun { name, id: id(rng) },
        17 => create_definition(rng, if name == "nope" { "other" } else { name }),
        _ => Request::GetDefinition { name },
    }
}

fn definition_token(token: u64) -> String {
    format!("token-of-a-definition-{token:016}")
}

fn run_token(token: u64) -> String {
    format!("token-of-a-client-{token:016}")
}

fn create_run(rng: &mut fastrand::Rng, name: &'static str, token: Option<String>, seed: u64) -> Request {
    let model = match rng.u8(..24) {
        0 => "", // invalid
        1..4 => "another",
        _ => "nova-act-latest",
    };
    let log_group = (rng.u8(..6) != 0).then(|| format!("/{seed}/{}", u8::from(rng.u8(..6) == 0)));
    Request::CreateRun { name, token, model, log_group }
}

/// In the end, when nothing fails any more, every request has a response at once; and all of them tell of the same runs.
async fn read_everything(world: &World, rng: &mut fastrand::Rng, accounts: &[String]) {
    let name = "demo";
    for account_id in accounts {
        for token in 0..RUN_TOKENS {
            if rng.bool() {
                continue;
            }
            let id = run_id(account_id, run_token(token));
            let request = Request::GetRun { name, id };
            let response = world.insist(account_id, &request, 1).await;
            assert!(response.is_some(), "nothing fails, and {request:?} has no response");
        }
        if rng.u8(..4) == 0 {
            world.list(account_id, Some(name), Page::default(), 1).await;
        }
        let listed = world.list(account_id, None, Page { max_results: Some(1), ..Page::default() }, 1).await;
        assert!(listed.is_some(), "nothing fails, and a listing has no end");
    }
}

/// The table's stream, and what deletes runs behind it.
fn mapping(
    services: &Arc<Services>,
    plan: &Arc<FaultPlan>,
    rng: &mut fastrand::Rng,
    settings: &[Settings; 2],
) -> Arc<Mapping> {
    // The template's, and two that end many an invocation before it is done.
    let timeout = Duration::from_secs(*rng.choice(&[300, 20, 12]).unwrap());
    let settings = Settings { timeout, ..settings[1] };
    let latest = *rng.choice(&[3_600, 300_000]).unwrap();
    let from = Duration::from_secs(rng.u64(..latest));
    let outage = (rng.u8(..6) == 0).then(|| (from, from + Duration::from_secs(rng.u64(..80_000))));
    Mapping::start(services, plan.network(), settings, outage, rng.fork())
}

/// One deletion, while processes that know the definition start runs of it for a minute.
async fn delete_with_late_starts(world: &World, account_id: &str, name: &'static str) {
    world.ask(account_id, &Request::ListRuns { name, page: Page::default() }).await;
    world.ask(account_id, &Request::DeleteDefinition { name }).await;
    let start = Request::CreateRun { name, token: None, model: "nova-act-latest", log_group: None };
    for _ in 0..3 {
        sleep(Duration::from_secs(fastrand::u64(0..25))).await;
        world.ask(account_id, &start).await;
    }
}

/// Where a record was lost, the same request starts the deletion anew.
async fn delete_again_what_was_lost(world: &World, accounts: &[String]) {
    let services = &world.services;
    let lost = std::mem::take(&mut services.stream().lost_deletions);
    for account_id in accounts {
        for name in NAMES {
            let definition = services.item(&format!("definition/{account_id}/{name}"));
            let id = definition.as_ref().and_then(|definition| definition["definitionId"]["S"].as_str());
            if id.is_some_and(|id| lost.contains(id)) {
                sleep(Duration::from_secs(70)).await;
                world.ask(account_id, &Request::DeleteDefinition { name }).await;
            }
        }
    }
}

/// Lets every deletion come to its end, with nothing more from any client: DynamoDB deletes what has expired, hours to days
/// late.
async fn finish_deletions(services: &Services, mapping: &Mapping, index_delay: Duration) {
    for _ in 0..10 {
        mapping.drain().await;
        sleep(index_delay).await;
        if services.items("generation/").is_empty() {
            return;
        }
        sleep(Duration::from_hours(fastrand::u64(3..60))).await;
        services.delete_expired(100);
    }
    panic!("a deleted generation is never forgotten: {:?}", services.items("generation/"));
}

/// Every token that a name has ever had is sent once more: none brings back what was deleted, unless a day has passed or
/// another definition has had the name.
async fn create_with_every_token(world: &World, accounts: &[String]) {
    for account_id in accounts {
        for name in NAMES {
            for token in 0..DEFINITION_TOKENS {
                let token = Some(definition_token(token));
                world.ask(account_id, &Request::CreateDefinition { name, token, description: None }).await;
            }
        }
    }
}
