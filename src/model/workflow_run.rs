//! The members of a workflow run.

use jiff::SignedDuration;
use serde::Deserialize;
use uuid::Uuid;

use super::{AccountId, DateTime, EpochSeconds};

string_member!(
    /// The token that makes a request idempotent; case-sensitive. It has no `Debug`, so no log can repeat it.
    ClientToken, length 33..=256, pattern "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,256}" =
        |s| s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && !s.starts_with('-') && !s.ends_with('-')
);
string_member!(
    /// The name of a CloudWatch Logs log group. CloudWatch Logs reserves names that begin with `aws/`.
    #[derive(Debug)]
    LogGroupName, length 1..=512, pattern "[a-zA-Z0-9_/.-]+" =
        |s| s.bytes().all(|b| b.is_ascii_alphanumeric() || b"_/.-".contains(&b)), not "aws/"
);
string_member!(
    /// The ID of an AI model. It is not checked against any list.
    #[derive(Debug)]
    ModelId, length 1..=100
);
string_member!(
    /// The version of a client's SDK. The upper bound is ours: an item must stay small.
    #[derive(Debug)]
    SdkVersion, length 1..=256
);

string_member!(
    /// The id of a workflow run: a UUID in lower case.
    #[derive(Debug)]
    WorkflowRunId, length 36..=36, pattern "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}" = |s| {
        s.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
        })
    }
);

/// The client that starts a run.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientInfo {
    /// The client's compatibility version.
    pub compatibility_version: i32,
    /// The version of its SDK.
    pub sdk_version: Option<SdkVersion>,
}

enum_member!(
    /// The status of a workflow run.
    WorkflowRunStatus {
        /// It has started and has not ended.
        Running = "RUNNING",
        /// It has ended successfully.
        Succeeded = "SUCCEEDED",
        /// It has ended with an error.
        Failed = "FAILED",
        /// It has run for too long.
        TimedOut = "TIMED_OUT",
        /// It is being deleted.
        Deleting = "DELETING"
    }
);

/// A run's status and when it ended, if it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunState {
    /// The status.
    pub status: WorkflowRunStatus,
    /// When it ended.
    pub ended_at: Option<DateTime>,
}

/// How long a run may be `RUNNING`. After that it *is* `TIMED_OUT`, whatever the table says. No limit by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunTimeout(pub Option<SignedDuration>);

impl RunTimeout {
    /// The state of a run, given its stored state and its start: the one place that derives a timeout.
    ///
    /// `now` is a time before the stored state was read: a run that was still `RUNNING` then has not ended by `now`.
    pub fn derive(self, stored: RunState, started_at: DateTime, now: DateTime) -> RunState {
        // The end may have been sent before the start and landed after it; and the clocks of processes differ.
        let stored = RunState { ended_at: stored.ended_at.map(|ended_at| ended_at.max(started_at)), ..stored };
        match self.0.map(|timeout| started_at + timeout) {
            Some(ended_at) if stored.status == WorkflowRunStatus::Running && ended_at <= now => {
                RunState { status: WorkflowRunStatus::TimedOut, ended_at: Some(ended_at) }
            }
            _ => stored,
        }
    }

    /// The latest start of a run that has timed out by now. The condition of an update uses it, and so agrees with
    /// [`RunTimeout::derive`].
    pub fn latest_start(self, now: DateTime) -> Option<DateTime> {
        self.0.map(|timeout| now - timeout)
    }
}

/// How long runs are kept. A run that started longer ago does not exist, whatever the table says. The default is forever.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunRetention(pub Option<SignedDuration>);

impl RunRetention {
    /// For how long after a run's retention its client token stays taken, so that a late retry of its end or its deletion
    /// does not reach the next run of the token, which has the same id.
    const TOKEN_LINGER: SignedDuration = SignedDuration::from_hours(24);

    /// The latest start of a run that does not exist any more. Whatever reads or decides on a run uses it.
    pub fn oldest(self, now: DateTime) -> Option<DateTime> {
        self.0.map(|retention| now - retention)
    }

    /// The latest start of a run whose client token is free again.
    pub fn free(self, now: DateTime) -> Option<DateTime> {
        self.oldest(now).map(|oldest| oldest - Self::TOKEN_LINGER)
    }

    /// When DynamoDB may delete a run that starts now. Nothing else depends on it.
    pub fn expires_at(self, started_at: DateTime) -> Option<EpochSeconds> {
        let expires_at = self.0.map(|retention| started_at + retention + Self::TOKEN_LINGER);
        expires_at.map(|expires_at| EpochSeconds::at_or_after(expires_at.timestamp()))
    }
}

impl ClientToken {
    /// A token for a request that has none.
    pub fn random(random: Uuid) -> Self {
        Self(random.to_string())
    }

    /// The id of the only workflow run that this token can create in this account.
    ///
    /// It depends on nothing else, which makes the table's key the idempotency key.
    pub fn workflow_run_id(&self, account_id: &AccountId) -> WorkflowRunId {
        /// Must never change: with another namespace, every client token could create a second run.
        const NAMESPACE: Uuid = Uuid::from_u128(0x1574_86d5_e862_4a61_b975_1e1d_9f01_0156);
        let account = Uuid::new_v5(&NAMESPACE, account_id.as_str().as_bytes());
        WorkflowRunId(Uuid::new_v5(&account, self.0.as_bytes()).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime {
        DateTime::parse(text).unwrap()
    }

    #[test]
    fn a_run_id_is_a_function_of_account_and_token() {
        let id = |account: &str, token: &str| {
            ClientToken::new(token).unwrap().workflow_run_id(&AccountId::parse(account).unwrap()).0
        };
        let token = "00000000-0000-0000-0000-00000000000A";
        // A known result: if it changes, every client token in use can create a second run.
        assert_eq!(id("123456789012", token), "a9ff6150-839b-595c-ada9-279222f7f3a4");
        assert_ne!(id("123456789012", token), id("123456789013", token));
        assert_ne!(id("123456789012", token), id("123456789012", &token.to_lowercase()));
    }

    #[test]
    fn a_run_does_not_end_before_it_starts() {
        let ended_at = |ended_at| RunState { status: WorkflowRunStatus::Succeeded, ended_at: Some(at(ended_at)) };
        let start = "2026-01-01T00:00:00.500Z";
        for (stored, derived) in [("2026-01-01T00:00:00.400Z", start), (start, start)] {
            let state = RunTimeout::default().derive(ended_at(stored), at(start), at("2026-01-01T00:00:01.000Z"));
            assert_eq!(state, ended_at(derived));
        }
        let later = ended_at("2026-01-01T00:00:00.501Z");
        assert_eq!(RunTimeout::default().derive(later, at(start), at("2026-01-01T00:00:01.000Z")), later);
    }

    #[test]
    fn a_run_is_gone_when_its_retention_is_over_and_its_token_is_free_a_day_later() {
        let retention = RunRetention(Some(SignedDuration::from_hours(48)));
        let now = at("2026-01-10T00:00:00.001Z");
        assert_eq!(retention.oldest(now), Some(at("2026-01-08T00:00:00.001Z")));
        assert_eq!(retention.free(now), Some(at("2026-01-07T00:00:00.001Z")));
        let expires_at = EpochSeconds::new(at("2026-01-13T00:00:01.000Z").timestamp());
        assert_eq!(retention.expires_at(now), Some(expires_at));
        let forever = RunRetention::default();
        assert_eq!((forever.oldest(now), forever.free(now), forever.expires_at(now)), (None, None, None));
    }

    #[test]
    fn a_run_times_out_exactly_when_its_time_is_over_unless_it_has_ended() {
        let hour = RunTimeout(Some(SignedDuration::from_hours(1)));
        let running = RunState { status: WorkflowRunStatus::Running, ended_at: None };
        let ended = RunState { status: WorkflowRunStatus::Failed, ended_at: Some(at("2026-01-01T00:00:01.000Z")) };
        let start = at("2026-01-01T00:00:00.000Z");
        let end = at("2026-01-01T01:00:00.000Z");
        let timed_out = RunState { status: WorkflowRunStatus::TimedOut, ended_at: Some(end) };
        for (now, expected) in [("2026-01-01T00:59:59.999Z", running), ("2026-01-01T01:00:00.000Z", timed_out)] {
            assert_eq!(hour.derive(running, start, at(now)), expected, "{now}");
            assert_eq!(hour.derive(ended, start, at(now)), ended, "{now}");
            assert_eq!(RunTimeout(None).derive(running, start, at(now)), running, "{now}");
            // The condition of an update and the derivation agree.
            assert_eq!(hour.latest_start(at(now)).is_some_and(|latest| start <= latest), expected == timed_out);
        }
    }
}
