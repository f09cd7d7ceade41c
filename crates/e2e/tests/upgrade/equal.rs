use crate::support::Session;
use crate::{EXTENSIONS, lines, present_version, session_with, versions};

/// Everything that the catalogues say of an extension and its members, by names instead of numbers.
const DESCRIPTION: &str = "
WITH extension AS (SELECT * FROM pg_extension WHERE extname = 'EXTENSION'),
members AS (
    SELECT classid, objid, objsubid, pg_describe_object(classid, objid, objsubid) AS name
    FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
        AND refobjid = (SELECT oid FROM extension)),
-- What belongs to a member without being one: a view's rule and row type.
parts AS (
    SELECT classid, objid FROM members
    UNION SELECT d.classid, d.objid FROM pg_depend d JOIN members m
        ON d.refclassid = m.classid AND d.refobjid = m.objid AND d.deptype IN ('i', 'n')
        AND d.classid IN ('pg_rewrite'::regclass, 'pg_type'::regclass, 'pg_class'::regclass))
SELECT format('extension %s %s relocatable %s by %s', extversion, extnamespace::regnamespace,
    extrelocatable, extowner::regrole) FROM extension
UNION ALL SELECT 'member ' || name FROM members
UNION ALL SELECT format('comment on %s: %s', name, description)
    FROM members m JOIN pg_description d
        ON d.classoid = m.classid AND d.objoid = m.objid AND d.objsubid = m.objsubid
UNION ALL SELECT format('%s by %s, %s', pg_get_functiondef(p.oid), proowner::regrole, proacl)
    FROM pg_proc p JOIN members ON classid = 'pg_proc'::regclass AND objid = p.oid
UNION ALL SELECT format('%s by %s, %s', name, nspowner::regrole, nspacl)
    FROM pg_namespace n JOIN members ON classid = 'pg_namespace'::regclass AND objid = n.oid
UNION ALL SELECT format('%s by %s, %s', name, typowner::regrole, typacl)
    FROM pg_type t JOIN members ON classid = 'pg_type'::regclass AND objid = t.oid
UNION ALL SELECT format('%s by %s, %s, %s: %s', name, relowner::regrole, relacl, reloptions,
        pg_get_viewdef(c.oid))
    FROM pg_class c JOIN members ON classid = 'pg_class'::regclass AND objid = c.oid
UNION ALL SELECT format('column %s of %s: %s %s %s', attnum, attrelid::regclass, attname,
        format_type(atttypid, atttypmod), attacl)
    FROM pg_attribute JOIN parts ON classid = 'pg_class'::regclass AND objid = attrelid
UNION ALL SELECT format('at first %s: %s %s', name, privtype, initprivs)
    FROM pg_init_privs i JOIN members m
        ON i.classoid = m.classid AND i.objoid = m.objid AND i.objsubid = m.objsubid
UNION ALL SELECT format('%s depends on %s: %s', pg_describe_object(d.classid, d.objid, d.objsubid),
        pg_describe_object(refclassid, refobjid, refobjsubid), deptype)
    FROM pg_depend d JOIN parts USING (classid, objid)
UNION ALL SELECT format('%s depends on role %s: %s',
        pg_describe_object(d.classid, d.objid, d.objsubid), refobjid::regrole, deptype)
    FROM pg_shdepend d JOIN parts USING (classid, objid)
    WHERE refclassid = 'pg_authid'::regclass
        AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY 1";

/// What the catalogues say of an extension, a line each.
pub fn description(session: &mut Session, extension: &str) -> Vec<String> {
    // So that all other names are printed with their schemas.
    session.run("SET search_path = pg_catalog");
    let description = lines(session.rows(&DESCRIPTION.replace("EXTENSION", extension)));
    assert!(description.len() > 5, "{description:#?}");
    description
}

/// From every version, in one step and by way of those between.
#[test]
fn an_updated_extension_equals_a_fresh_one() {
    for extension in EXTENSIONS {
        let present = present_version(extension);
        let fresh = description(&mut session_with(extension, &present), extension);
        let versions = versions(extension);
        for (index, version) in versions.iter().enumerate() {
            let mut session = session_with(extension, version);
            session.run(&format!("ALTER EXTENSION {extension} UPDATE"));
            assert_eq!(description(&mut session, extension), fresh, "{extension} from {version}");

            let mut session = session_with(extension, version);
            for next in &versions[index + 1..] {
                session.run(&format!("ALTER EXTENSION {extension} UPDATE TO '{next}'"));
            }
            assert_eq!(description(&mut session, extension), fresh, "{extension} from {version}");
        }
    }
}

/// Nothing of the older version is taken away or changed, rights included.
#[test]
fn an_update_only_adds() {
    let mut session = session_with("aws_lambda", "1.0");
    let before = description(&mut session, "aws_lambda");
    session.run("ALTER EXTENSION aws_lambda UPDATE TO '1.1'");
    let after = description(&mut session, "aws_lambda");
    let lost: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
    assert_eq!(lost, ["extension 1.0 public relocatable f by postgres"]);
    assert!(after.len() > before.len());
}
