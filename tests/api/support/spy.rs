//! Stands between the function and the services.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Notes every call, and breaks some.
#[derive(Clone, Default)]
pub struct Spy(Arc<Mutex<(Vec<String>, Vec<Plan>)>>, Arc<AtomicUsize>);

/// What happens to the next `times` calls of an operation.
struct Plan {
    operation: &'static str,
    times: usize,
    fault: Fault,
}

#[derive(Clone, Copy)]
pub enum Fault {
    /// None: the next plan is for calls after these.
    Pass,
    /// The service responds with this status and error code.
    Error(u16, &'static str),
    /// The connection breaks before the service has seen the call.
    Cut,
    /// The service applies the call, and the response is lost.
    Lost,
    /// No response comes.
    Hang,
    /// The service responds once this many calls wait for it at the same moment.
    Gather(usize),
    /// `Query` ends its response after one item, as it does at a megabyte.
    EndEarly,
    /// `BatchGetItem` leaves all keys unprocessed.
    Unprocessed,
}

/// Counts a call as long as it waits: one that is given up waits no longer.
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Spy {
    /// Breaks calls to come.
    pub fn fail(&self, operation: &'static str, times: usize, fault: Fault) {
        self.0.lock().unwrap().1.push(Plan { operation, times, fault });
    }

    /// Breaks no more calls.
    pub fn heal(&self) {
        self.0.lock().unwrap().1.clear();
    }

    /// The AWS calls since it was last asked.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().0)
    }
}

/// The middleware in front of the services.
pub async fn observe(State(spy): State<Spy>, request: Request, next: Next) -> Response {
    let target = request.headers()["x-amz-target"].to_str().unwrap();
    let operation = target.rsplit('.').next().unwrap().to_owned();
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let mut json: Value = serde_json::from_slice(&body).unwrap();
    let request = Request::from_parts(parts, body.into());
    // In every test. DynamoDB here would not tell: its reads are always consistent.
    match operation.as_str() {
        "GetItem" => assert_eq!(json["ConsistentRead"], true, "{json}"),
        "BatchGetItem" => {
            let tables = json["RequestItems"].as_object().unwrap();
            assert!(tables.values().all(|table| table["ConsistentRead"] == true), "{json}");
        }
        _ => {}
    }
    let fault = {
        let (calls, plans) = &mut *spy.0.lock().unwrap();
        let planned = |plan: &&mut Plan| plan.operation == operation && plan.times > 0;
        let fault = plans.iter_mut().find(planned).map(|plan| {
            plan.times -= 1;
            plan.fault
        });
        calls.push(operation);
        fault
    };
    match fault {
        None | Some(Fault::Pass) => next.run(request).await,
        Some(Fault::Error(status, code)) => {
            let body = json!({"__type": code, "message": "injected"}).to_string();
            (StatusCode::from_u16(status).unwrap(), body).into_response()
        }
        Some(Fault::Cut) => broken(),
        Some(Fault::Lost) => {
            next.run(request).await;
            broken()
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Gather(calls)) => {
            let waiting = Waiting::begin(&spy.1);
            while spy.1.load(Ordering::Relaxed) < calls {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            // They have all been here: from now on the service responds.
            std::mem::forget(waiting);
            next.run(request).await
        }
        Some(Fault::EndEarly) => {
            json["Limit"] = json!(1);
            let (mut parts, _) = request.into_parts();
            parts.headers.remove(CONTENT_LENGTH);
            next.run(Request::from_parts(parts, json.to_string().into())).await
        }
        Some(Fault::Unprocessed) => {
            json!({"Responses": {}, "UnprocessedKeys": json["RequestItems"]}).to_string().into_response()
        }
    }
}

/// A response that ends before its promised length.
fn broken() -> Response {
    let end = futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("broken")) });
    Response::builder().header("content-length", "2").body(Body::from_stream(end)).unwrap()
}
