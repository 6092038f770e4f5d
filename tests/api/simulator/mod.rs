//! The simulator: the function's processes on virtual time, in front of services and a network that fail as they are told.
//!
//! Time is tokio's, paused: it jumps to the next thing that happens, so that a day takes no longer than a second. One
//! thread runs everything, and one seed decides everything. [`process`] is the function, with caches of its own and gone
//! at any moment; [`network`] loses, delays and rejects its calls, as a [`fault_plan`] or a test decides; [`services`] is
//! DynamoDB with an [`index`] that lags behind the table, and CloudWatch Logs with its [`quota`]s; [`stream`]
//! hands the table's writes to the cleanup function. [`transitions`] holds
//! every write against what an item may become, and the [`journal`] has what each invocation
//! has done; [`coverage`], what all of them have seen.

pub mod coverage;
pub mod fault_plan;
mod index;
pub mod journal;
pub mod network;
pub mod process;
mod quota;
pub mod services;
pub mod stream;
pub mod transitions;
pub mod virtual_time;
