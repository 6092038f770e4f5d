//! What schedules have seen, noted where it happens: a thousand of them must have seen everything that can happen, or they
//! prove less than they say.

use std::collections::BTreeSet;

use super::network::Fate;
use crate::support::request::DOCUMENTED;

/// Something that has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sight {
    /// What has happened to a call.
    Call(Call, FateKind),
    /// The condition of a write did not hold.
    ConditionFailed(Call),
    /// The quota of a call was used up.
    BeyondQuota(Call),
    /// An item has expired, and DynamoDB has deleted it.
    Expired(ItemKind),
    /// A response: operation, status, and the resource or service that it is about.
    Response(&'static str, u16, &'static str),
    /// What has come of a record of the stream.
    Record(ItemKind, RecordFate),
    /// A process has died before it could respond to this operation.
    Died(&'static str),
}

/// What an item of the table or an entry of the index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemKind {
    Definition,
    Run,
    LogGroup,
    Generation,
}

impl ItemKind {
    pub const ALL: [Self; 4] = [Self::Definition, Self::Run, Self::LogGroup, Self::Generation];

    /// The kind of the item with this key, or of the entries of the index in this partition.
    ///
    /// # Panics
    /// If there is no such kind.
    pub fn of(key: &str) -> Self {
        match key.split('/').next().unwrap() {
            "definition" | "definitions" => Self::Definition,
            "run" | "runs" => Self::Run,
            "log-group" => Self::LogGroup,
            "generation" => Self::Generation,
            other => panic!("an item {other}"),
        }
    }
}

/// What has come of a record of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordFate {
    Handled,
    /// It was handled once more.
    Repeated,
    /// The invocation has failed, or its process has died.
    Failed,
    /// It was too old.
    Lost,
}

impl RecordFate {
    const ALL: [Self; 4] = [Self::Handled, Self::Repeated, Self::Failed, Self::Lost];
}

/// A call to DynamoDB or CloudWatch Logs, and the kind of the item or entry that it is about; none, if it is about several
/// or about none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call(pub &'static str, pub Option<ItemKind>);

/// Every call that the function makes.
const CALLS: [Call; 14] = [
    Call("BatchGetItem", None),
    Call("GetItem", Some(ItemKind::Run)),
    Call("GetItem", Some(ItemKind::Definition)),
    Call("GetItem", Some(ItemKind::LogGroup)),
    Call("Query", Some(ItemKind::Run)),
    Call("Query", Some(ItemKind::Definition)),
    Call("PutItem", Some(ItemKind::Run)),
    Call("PutItem", Some(ItemKind::Definition)),
    Call("PutItem", Some(ItemKind::LogGroup)),
    Call("PutItem", Some(ItemKind::Generation)),
    Call("UpdateItem", Some(ItemKind::Run)),
    Call("UpdateItem", Some(ItemKind::Definition)),
    Call("CreateLogGroup", None),
    Call("PutRetentionPolicy", None),
];

/// The writes with a condition.
const CONDITIONAL: [Call; 4] = [
    Call("PutItem", Some(ItemKind::Run)),
    Call("PutItem", Some(ItemKind::Definition)),
    Call("UpdateItem", Some(ItemKind::Run)),
    Call("UpdateItem", Some(ItemKind::Definition)),
];

impl Call {
    /// The call of this operation that is about this key.
    ///
    /// # Panics
    /// If the function makes no such call.
    pub fn of(operation: &str, key: &str) -> Self {
        let kind = (!key.is_empty()).then(|| ItemKind::of(key));
        let mut calls = CALLS.into_iter().filter(|call| call.0 == operation && call.1 == kind);
        calls.next().unwrap_or_else(|| panic!("the function called {operation} {key}"))
    }
}

/// What has happened to a call, without its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FateKind {
    Served,
    Cut,
    Lost,
    Error,
    Late,
    Unprocessed,
    DieBefore,
    DieAfter,
}

impl FateKind {
    const ALL: [Self; 8] = [
        Self::Served,
        Self::Cut,
        Self::Lost,
        Self::Error,
        Self::Late,
        Self::Unprocessed,
        Self::DieBefore,
        Self::DieAfter,
    ];
}

impl From<Fate> for FateKind {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Served => Self::Served,
            Fate::Cut => Self::Cut,
            Fate::Lost => Self::Lost,
            Fate::Error(..) => Self::Error,
            Fate::Late(..) => Self::Late,
            Fate::Unprocessed(_) => Self::Unprocessed,
            Fate::DieBefore => Self::DieBefore,
            Fate::DieAfter => Self::DieAfter,
        }
    }
}

/// What the responses of an operation with this status may be about.
fn abouts(operation: &str, status: u16) -> &'static [&'static str] {
    match (operation, status) {
        ("GetWorkflowRun" | "UpdateWorkflowRun" | "DeleteWorkflowRun", 404) => &["workflow-definition", "workflow-run"],
        ("CreateWorkflowRun", 409) => &["workflow-definition", "workflow-run", "log-group"],
        ("UpdateWorkflowRun", 409) => &["workflow-run"],
        (_, 404 | 409) => &["workflow-definition"],
        ("CreateWorkflowRun", 429) => &["dynamodb", "logs"],
        (_, 429) => &["dynamodb"],
        _ => &[""],
    }
}

/// A response as it is noted.
///
/// # Panics
/// If it is not about anything that such a response may be about.
pub fn response(operation: &'static str, status: u16, about: &str) -> Sight {
    let about = abouts(operation, status).iter().find(|possible| **possible == about);
    Sight::Response(operation, status, about.unwrap_or_else(|| panic!("{operation} {status} about {about:?}")))
}

/// Everything that can happen.
pub fn everything() -> BTreeSet<Sight> {
    let fates = CALLS.into_iter().flat_map(|call| FateKind::ALL.map(|fate| Sight::Call(call, fate)));
    // Only `BatchGetItem` leaves keys unprocessed.
    let fates =
        fates.filter(|sight| !matches!(sight, Sight::Call(call, FateKind::Unprocessed) if call.0 != "BatchGetItem"));
    let statuses = DOCUMENTED
        .into_iter()
        .flat_map(|(operation, statuses)| statuses.iter().map(move |status| (operation, *status)));
    let responses = statuses.flat_map(|(operation, status)| {
        abouts(operation, status).iter().map(move |about| Sight::Response(operation, status, about))
    });
    let records = [ItemKind::Definition, ItemKind::Generation]
        .into_iter()
        .flat_map(|kind| RecordFate::ALL.map(|fate| Sight::Record(kind, fate)));
    fates
        .chain(responses)
        .chain(records)
        .chain(DOCUMENTED.map(|(operation, _)| Sight::Died(operation)))
        .chain(CONDITIONAL.map(Sight::ConditionFailed))
        .chain(["CreateLogGroup", "PutRetentionPolicy"].map(|operation| Sight::BeyondQuota(Call(operation, None))))
        .chain(ItemKind::ALL.map(Sight::Expired))
        .collect()
}
