//! The operations, one file each: what goes over the wire, as the real client reads it, and as raw HTTP where no client
//! would send the request.

mod create_workflow_run;
