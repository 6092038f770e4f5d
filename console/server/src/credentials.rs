//! The caller's AWS credentials, kept until shortly before they expire.

use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use tokio::sync::Mutex;

/// How long before their expiry credentials are replaced.
const MARGIN: Duration = Duration::from_mins(5);

/// How long credentials without an expiry are kept: they may come from a file that changes.
const KEPT: Duration = Duration::from_mins(1);

/// Credentials from a provider that may ask AWS for them each time.
pub struct Credentials {
    provider: SharedCredentialsProvider,
    kept: Mutex<Option<(Instant, aws_credential_types::Credentials)>>,
}

impl Credentials {
    /// Reads from this provider when credentials are needed.
    pub fn new(provider: SharedCredentialsProvider) -> Self {
        Self { provider, kept: Mutex::new(None) }
    }

    /// Returns valid credentials. Concurrent requests wait for one read.
    pub async fn get(&self) -> Result<aws_credential_types::Credentials, CredentialsError> {
        let mut kept = self.kept.lock().await;
        if let Some((read, credentials)) = kept.as_ref() {
            let is_fresh = match credentials.expiry() {
                Some(expiry) => expiry > SystemTime::now() + MARGIN,
                None => read.elapsed() < KEPT,
            };
            if is_fresh {
                return Ok(credentials.clone());
            }
        }
        let credentials = self.provider.provide_credentials().await?;
        *kept = Some((Instant::now(), credentials.clone()));
        Ok(credentials)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_credential_types::provider::{ProvideCredentials, future};

    use super::*;

    /// Provides numbered credentials with this lifetime.
    #[derive(Clone, Debug)]
    struct Numbered(Option<Duration>, Arc<AtomicUsize>);

    impl ProvideCredentials for Numbered {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let number = self.1.fetch_add(1, Ordering::Relaxed);
            let expiry = self.0.map(|valid| SystemTime::now() + valid);
            let credentials = aws_credential_types::Credentials::new(number.to_string(), "", None, expiry, "test");
            future::ProvideCredentials::ready(Ok(credentials))
        }
    }

    async fn keys(valid: Option<Duration>) -> [String; 2] {
        let credentials = Credentials::new(SharedCredentialsProvider::new(Numbered(valid, Arc::default())));
        let key = async || credentials.get().await.unwrap().access_key_id().to_owned();
        [key().await, key().await]
    }

    #[tokio::test]
    async fn credentials_are_kept_until_shortly_before_they_expire() {
        assert_eq!(keys(Some(Duration::from_hours(1))).await, ["0", "0"]);
        assert_eq!(keys(Some(Duration::from_mins(1))).await, ["0", "1"]);
        assert_eq!(keys(None).await, ["0", "0"]);
    }
}
