//! What a gateway hands over: the events of REST and HTTP APIs, whose they are, and what is in them.

mod bodies;
mod callers;
mod events;
mod query_strings;
mod random_events;
