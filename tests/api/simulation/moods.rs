//! What a seed lets happen to calls.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::aws::Services;
use super::network::{Fault, Network};

/// No fault happens later, so that every client gets an answer it can use.
const CALM: Duration = Duration::from_secs(30);

/// A service that refuses everything for a while.
struct Outage {
    logs: bool,
    code: &'static str,
    from: Duration,
    until: Duration,
}

/// A network whose moods the seed decides.
pub fn network(services: &Arc<Services>, rng: &mut fastrand::Rng) -> Network {
    let percent = *rng.choice(&[0, 5, 20, 50]).unwrap();
    let outages: Vec<Outage> = (0..rng.usize(..3))
        .map(|_| {
            let logs = rng.bool();
            let code = if logs && rng.bool() { "OperationAbortedException" } else { "ThrottlingException" };
            let from = Duration::from_millis(rng.u64(..10_000));
            Outage { logs, code, from, until: from + Duration::from_millis(rng.u64(..8_000)) }
        })
        .collect();
    let (services, rng) = (Arc::clone(services), Mutex::new(rng.fork()));
    Arc::new(move |operation, _| {
        let now = services.elapsed();
        let mut rng = rng.lock().unwrap();
        let is_logs = operation == "CreateLogGroup";
        let refuses = |outage: &&Outage| outage.logs == is_logs && (outage.from..outage.until).contains(&now);
        if let Some(outage) = outages.iter().find(refuses) {
            return Fault::Error(400, outage.code);
        }
        if now > CALM || rng.u32(..100) >= percent {
            return Fault::None;
        }
        match rng.u8(..10) {
            0 | 1 => Fault::Cut,
            2 | 3 => Fault::Lost,
            4 | 5 => error(operation, &mut rng),
            6 => Fault::Late(Duration::from_millis(rng.u64(..4_000)), Duration::from_millis(rng.u64(..4_000))),
            7 if operation == "BatchGetItem" => Fault::Unprocessed(rng.usize(..3)),
            7 => Fault::Late(Duration::from_secs(20), Duration::ZERO),
            8 => Fault::DieBefore,
            _ => Fault::DieAfter,
        }
    })
}

/// An error of each kind that the failure table knows.
fn error(operation: &str, rng: &mut fastrand::Rng) -> Fault {
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
    let (status, code) = *rng.choice(if operation == "CreateLogGroup" { &logs } else { &dynamodb }).unwrap();
    Fault::Error(status, code)
}
