//! From Lambda's event to an HTTP request for the handler, and back.

use std::convert::Infallible;
use std::mem;
use std::sync::Arc;

use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Request, RequestExt as _};
use lambda_runtime::{LambdaEvent, Service, service_fn};
use serde::Serialize;

use crate::app::App;
use crate::handler;

/// Wraps the function in the adapter that `lambda_http::run_concurrent` uses too, which turns events into requests and
/// back.
///
/// `lambda_http::run_concurrent` itself would not do: the adapter builds a URL from an event's headers and query
/// string, and panics if it is not valid (`X-Forwarded-Proto: https, http`, or a space in the query string of an HTTP
/// API). API Gateway turns that into a 502. So the adapter gets neither; the query string's parameters are put back
/// behind it.
pub fn service(
    app: Arc<App>,
) -> impl Service<LambdaEvent<LambdaRequest>, Response = impl Serialize + Send, Error = Infallible, Future: Send>
+ Clone
+ Send {
    service_fn(move |mut event: LambdaEvent<LambdaRequest>| {
        let query = take_query(&mut event.payload);
        let app = Arc::clone(&app);
        let handler = move |request: Request| {
            let (app, query) = (Arc::clone(&app), query.clone());
            async move { Ok::<_, Infallible>(handler::handle(&app, request.with_query_string_parameters(query)).await) }
        };
        Adapter::from(service_fn(handler)).call(event)
    })
}

/// Takes the query string's parameters, which API Gateway has decoded, out of an event, and removes everything else that
/// the adapter would build a URL from.
fn take_query(event: &mut LambdaRequest) -> QueryMap {
    match event {
        LambdaRequest::ApiGatewayV1(event) => {
            event.headers.clear();
            event.multi_value_headers.clear();
            event.request_context.domain_name = None;
            // Older events have the resource here only.
            event.request_context.resource_path = event.request_context.resource_path.take().or(event.resource.take());
            let single = mem::take(&mut event.query_string_parameters);
            let multiple = mem::take(&mut event.multi_value_query_string_parameters);
            if multiple.is_empty() { single } else { multiple }
        }
        LambdaRequest::ApiGatewayV2(event) => {
            event.headers.clear();
            event.raw_query_string = None;
            event.request_context.domain_name = None;
            event.request_context.route_key = event.request_context.route_key.take().or(event.route_key.take());
            mem::take(&mut event.query_string_parameters)
        }
        _ => QueryMap::default(),
    }
}
