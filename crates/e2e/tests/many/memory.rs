use std::fs;

use crate::support::Session;

/// Bytes of the backend's own memory.
fn memory_of(session: &mut Session) -> u64 {
    let pid = session.text("SELECT pg_backend_pid()");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Ten times the rows take no more memory, of a query as of single calls.
#[test]
fn memory_does_not_grow_with_the_rows() {
    let mut session = Session::new();
    let mut after = |rows: usize, length: usize, options: &str| {
        let sql = format!(
            "SELECT count(*) FROM aws_lambda.invoke_query('echo',
                'SELECT repeat(''x'', {length}) AS filler FROM generate_series(1, {rows})'{options})"
        );
        assert_eq!(session.text(&sql), rows.to_string());
        memory_of(&mut session)
    };
    for (few, length, options) in [(10_000, 200, ", batch_size => 500"), (100, 20_000, "")] {
        let (before, grown) = (after(few, length, options), after(10 * few, length, options));
        let growth = grown.saturating_sub(before);
        // Less than half of what the rows are.
        assert!(growth < 8 << 20, "{growth} bytes more{options}");
    }
}
