//! What Amazon Redshift's envelope says of the caller.

use lambda_core::{Envelope, Invocation};
use pg_support::caller;

/// The members that are the same for every batch of a statement.
pub(super) fn of(invocation: &Invocation) -> Envelope {
    Envelope {
        cluster: caller::cluster_name(),
        user: caller::user_name(),
        database: caller::database_name(),
        external_function: invocation.function.as_str().to_owned(),
        query_id: caller::statement_number(),
    }
}
