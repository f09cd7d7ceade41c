use std::fs;
use std::path::Path;

use crate::{EXTENSIONS, lines, session_with, versions};

/// The members of an extension, each with all that a statement can name of it.
const SURFACE: &str = "
SELECT pg_describe_object(classid, objid, objsubid) || CASE classid
    WHEN 'pg_proc'::regclass THEN
        format(' (%s) -> %s', pg_get_function_arguments(objid), pg_get_function_result(objid))
    WHEN 'pg_namespace'::regclass THEN ''
    ELSE (
        SELECT format(' (%s)', string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', '
            ORDER BY attnum))
        FROM pg_attribute LEFT JOIN pg_type t ON t.oid = objid AND classid = 'pg_type'::regclass
        WHERE attnum > 0 AND attrelid = coalesce(typrelid, objid))
    END
FROM pg_depend d JOIN pg_extension e ON d.refobjid = e.oid AND d.deptype = 'e'
WHERE d.refclassid = 'pg_extension'::regclass AND extname = 'EXTENSION'
    -- Newer servers list the types that come with a type or a view, too.
    AND NOT (classid = 'pg_type'::regclass
        AND pg_describe_object(classid, objid, 0) ~ 'stat_|\\[\\]$')
ORDER BY 1";

/// The public surface of every version: what the extension owns, and nothing else. The kept lists
/// are a promise to those who call: names, types, order and defaults of arguments, columns.
#[test]
fn each_version_has_the_kept_surface_and_no_more() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upgrade/surface");
    for extension in EXTENSIONS {
        let mut before: Vec<String> = Vec::new();
        for version in versions(extension) {
            let file = folder.join(format!("{extension}--{version}.txt"));
            let kept = fs::read_to_string(&file)
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let kept: Vec<&str> = kept.lines().collect();
            let mut session = session_with(extension, &version);
            let found = lines(session.rows(&SURFACE.replace("EXTENSION", extension)));
            assert_eq!(found, kept, "{} is to be what this version has", file.display());
            let lost: Vec<_> = before.iter().filter(|line| !found.contains(line)).collect();
            assert!(lost.is_empty(), "{extension} {version} lost {lost:#?}");
            before = found;
        }
    }
}
