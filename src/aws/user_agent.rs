//! The headers by which the AWS SDK identifies itself to DynamoDB.

use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::user_agent::UserAgentInterceptor;
use aws_sdk_dynamodb::config::interceptors::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::disable_interceptor;

const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"), " aws-sdk-rust");

/// Replaces three headers that the SDK assembles for each call with one short `user-agent`: the long `user-agent`, the
/// signed `x-amz-user-agent` and `amz-sdk-invocation-id`. They only inform AWS, and cost a twentieth of a create's
/// instructions.
#[derive(Debug)]
pub struct ShortUserAgent;

impl Intercept for ShortUserAgent {
    fn name(&self) -> &'static str {
        "ShortUserAgent"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let cause = "ShortUserAgent";
        let config = config.interceptor_state();
        config.store_put(disable_interceptor::<UserAgentInterceptor>(cause));
        config.store_put(disable_interceptor::<InvocationIdInterceptor>(cause));
        Ok(())
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        context.request_mut().headers_mut().insert("user-agent", USER_AGENT);
        Ok(())
    }
}
