//! The sqlambda command.
fn main() {}
