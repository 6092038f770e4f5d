//! What a seed lets happen to calls.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::network::{Fate, LATEST, Network};
use super::services::Services;

/// A service that rejects everything for a while, counted from the beginning of each phase.
struct Outage {
    logs: bool,
    code: &'static str,
    from: Duration,
    until: Duration,
}

/// What happens to the calls of a schedule, phase by phase.
pub struct FaultPlan {
    services: Arc<Services>,
    percent: u32,
    outages: Vec<Outage>,
    state: Mutex<Progress>,
}

struct Progress {
    rng: fastrand::Rng,
    /// When the phase began; none, if no fault happens any more.
    phase: Option<Duration>,
}

impl FaultPlan {
    /// A plan that the generator decides. Nothing happens before the first phase.
    pub fn new(services: &Arc<Services>, rng: &mut fastrand::Rng) -> Arc<Self> {
        let percent = *rng.choice(&[0, 5, 10, 20, 40]).unwrap();
        let outages = (0..rng.usize(..3))
            .map(|_| {
                let logs = rng.bool();
                let code = if logs && rng.bool() { "OperationAbortedException" } else { "ThrottlingException" };
                let from = Duration::from_millis(rng.u64(..10_000));
                Outage { logs, code, from, until: from + Duration::from_millis(rng.u64(..8_000)) }
            })
            .collect();
        let state = Mutex::new(Progress { rng: rng.fork(), phase: None });
        Arc::new(Self { services: Arc::clone(services), percent, outages, state })
    }

    pub fn begin_phase(&self) {
        self.state.lock().unwrap().phase = Some(self.services.elapsed());
    }

    /// From now on nothing happens.
    pub fn end(&self) {
        self.state.lock().unwrap().phase = None;
    }

    pub fn network(self: &Arc<Self>) -> Network {
        let plan = Arc::clone(self);
        Arc::new(move |operation, _| plan.fault(operation))
    }

    fn fault(&self, operation: &str) -> Fate {
        let Progress { rng, phase } = &mut *self.state.lock().unwrap();
        let Some(phase) = phase else { return Fate::Served };
        let now = self.services.elapsed().saturating_sub(*phase);
        let is_logs = matches!(operation, "CreateLogGroup" | "PutRetentionPolicy");
        let refuses = |outage: &&Outage| outage.logs == is_logs && (outage.from..outage.until).contains(&now);
        if let Some(outage) = self.outages.iter().find(refuses) {
            return Fate::Error(400, outage.code);
        }
        if rng.u32(..100) >= self.percent {
            return Fate::Served;
        }
        match rng.u8(..10) {
            0 | 1 => Fate::Cut,
            2 | 3 => Fate::Lost,
            4 | 5 => error(is_logs, rng),
            6 => Fate::Late(Duration::from_millis(rng.u64(..4_000)), Duration::from_millis(rng.u64(..4_000))),
            7 if operation == "BatchGetItem" => Fate::Unprocessed(rng.usize(..3)),
            7 => Fate::Late(LATEST.mul_f64(rng.f64()), Duration::ZERO),
            8 => Fate::DieBefore,
            _ => Fate::DieAfter,
        }
    }
}

/// An error of each kind that the failure table knows.
fn error(is_logs: bool, rng: &mut fastrand::Rng) -> Fate {
    let dynamodb = [
        (400, "ProvisionedThroughputExceededException"),
        (400, "ThrottlingException"),
        (400, "RequestLimitExceeded"),
        (400, "AccessDeniedException"),
        (400, "ResourceNotFoundException"),
        (500, "InternalServerError"),
    ];
    let logs = [
        (400, "ThrottlingException"),
        (400, "LimitExceededException"),
        (400, "OperationAbortedException"),
        (400, "InvalidParameterException"),
        (400, "AccessDeniedException"),
        (503, "ServiceUnavailableException"),
    ];
    let (status, code) = *rng.choice(if is_logs { &logs } else { &dynamodb }).unwrap();
    Fate::Error(status, code)
}
