//! The function that Lambda invokes.

use std::convert::Infallible;
use std::sync::Arc;

use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Request};
use lambda_runtime::{LambdaEvent, Service, service_fn};
use serde::Serialize;

use crate::app::App;
use crate::handler;

/// Wraps the API in the adapter that `lambda_http::run_concurrent` uses too, which turns events into requests and back.
///
/// `lambda_http::run_concurrent` itself would not do: from an event's headers and query string the adapter puts a URL together,
/// and panics if it is none (`X-Forwarded-Proto: https, http`, or a space in the query string of an HTTP API). API
/// Gateway makes a 502 of that. The API reads neither, so the adapter does not get them.
pub fn service(
    app: Arc<App>,
) -> impl Service<LambdaEvent<LambdaRequest>, Response = impl Serialize + Send, Error = Infallible, Future: Send>
+ Clone
+ Send {
    service_fn(move |mut event: LambdaEvent<LambdaRequest>| {
        strip(&mut event.payload);
        let app = Arc::clone(&app);
        let handler = move |request: Request| {
            let app = Arc::clone(&app);
            async move { Ok::<_, Infallible>(handler::handle(&app, request).await) }
        };
        Adapter::from(service_fn(handler)).call(event)
    })
}

fn strip(event: &mut LambdaRequest) {
    match event {
        LambdaRequest::ApiGatewayV1(event) => {
            event.headers.clear();
            event.multi_value_headers.clear();
            event.query_string_parameters = QueryMap::default();
            event.multi_value_query_string_parameters = QueryMap::default();
            event.request_context.domain_name = None;
        }
        LambdaRequest::ApiGatewayV2(event) => {
            event.headers.clear();
            event.raw_query_string = None;
            event.request_context.domain_name = None;
        }
        _ => {}
    }
}
