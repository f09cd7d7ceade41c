use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;

use e2e::{OLDER_PG_CONFIG_VARIABLE, PgConfig};

use crate::lines;
use crate::support::{Counter, Session, patient, playground, role};
use crate::survives::{STORED, assert_alive, live_with_1_0};

/// The extensions' versions and members, their functions' definitions, and who may do what with them.
/// No view's definition, which majors print differently, and no type that comes with another type or with
/// a view, which some majors call a member of its own. Nor the owner's right to MAINTAIN, which is new in 17.
const EXTENSIONS: &str = "
WITH members AS (
    SELECT extname, extversion, classid, objid, pg_describe_object(classid, objid, 0) AS name
    FROM pg_depend JOIN pg_extension e ON refclassid = 'pg_extension'::regclass AND refobjid = e.oid
    WHERE deptype = 'e' AND extname ~ '^aws' AND (classid <> 'pg_type'::regclass OR EXISTS (
        SELECT FROM pg_type t JOIN pg_class c ON typrelid = c.oid WHERE t.oid = objid AND relkind = 'c'))),
rights AS (
    SELECT name, coalesce(nspacl, acldefault('n', nspowner)) AS acl
    FROM pg_namespace n JOIN members ON classid = 'pg_namespace'::regclass AND objid = n.oid
    UNION ALL SELECT name, coalesce(proacl, acldefault('f', proowner))
    FROM pg_proc p JOIN members ON classid = 'pg_proc'::regclass AND objid = p.oid
    UNION ALL SELECT name, coalesce(relacl, acldefault('r', relowner))
    FROM pg_class c JOIN members ON classid = 'pg_class'::regclass AND objid = c.oid
    UNION ALL SELECT name, coalesce(typacl, acldefault('T', typowner))
    FROM pg_type t JOIN members ON classid = 'pg_type'::regclass AND objid = t.oid)
SELECT format('%s %s: %s', extname, extversion, name) FROM members
UNION ALL SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN members
    ON classid = 'pg_proc'::regclass AND objid = p.oid
UNION ALL SELECT format('%s: %s has %s from %s', name, grantee::regrole, privilege_type, grantor::regrole)
    FROM rights, aclexplode(acl) WHERE privilege_type <> 'MAINTAIN'";

fn extensions(session: &mut Session) -> BTreeSet<String> {
    lines(session.rows(EXTENSIONS)).into_iter().collect()
}

/// Lines that only one of them has.
fn differences(one: &BTreeSet<String>, other: &BTreeSet<String>) -> Vec<String> {
    one.symmetric_difference(other).cloned().collect()
}

/// With the extension in the version that it was in: 1.0, which is updated afterwards, and 1.1, which it
/// was updated to before. From an older major where several are tested, or else from the playground's own.
#[test]
fn stored_arns_and_all_that_calls_come_through_pg_upgrade() {
    let older = env::var_os(OLDER_PG_CONFIG_VARIABLE).map(PathBuf::from);
    let older = older.unwrap_or_else(|| playground().cluster().install().origin.clone());
    let older = PgConfig::ask(&older).unwrap();
    let mut old = playground().new_cluster_of(&older).unwrap();
    if !(old.install().can_upgrade() && playground().cluster().install().can_upgrade()) {
        eprintln!("SKIPPED: no pg_upgrade from {} to this PostgreSQL", older.version);
        return;
    }
    let caller = role(&old, "upgraded");
    let counter = Counter::new();
    let databases = ["1.0", "1.1"].map(|version| {
        let database = patient(&old, old.create_plain_database().unwrap());
        let mut session = Session::open(&old, &database);
        session.run("CREATE EXTENSION aws_lambda VERSION '1.0' CASCADE");
        live_with_1_0(&mut session, &caller, &counter);
        session.run(&format!("ALTER EXTENSION aws_lambda UPDATE TO '{version}'"));
        (version, database, session.text(STORED), extensions(&mut session))
    });

    let new = playground().upgrade(&mut old).unwrap();
    let fresh = {
        let mut session = Session::open(&new, &new.create_plain_database().unwrap());
        session.run("CREATE EXTENSION aws_lambda CASCADE");
        extensions(&mut session)
    };
    for (version, database, stored, before) in databases {
        let mut session = Session::open(&new, &database);
        assert_eq!(session.text(STORED), stored, "{version}");
        assert_eq!(differences(&extensions(&mut session), &before), [""; 0], "{version}");
        assert_alive(&mut Session::open_as(&caller, &new, &database), &counter);
        let default = "INSERT INTO functions (id) VALUES (4) RETURNING arn, made";
        let arns = ["(echo,us-east-1)", "(echo,region-4)"].map(|arn| Some(arn.to_owned()));
        assert_eq!(session.row(default), arns, "{version}");
        session.run("DELETE FROM functions WHERE id = 4");

        session.run("ALTER EXTENSION aws_lambda UPDATE");
        session.run(&format!("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA aws_lambda TO {caller}"));
        let mut user = Session::open_as(&caller, &new, &database);
        assert_alive(&mut user, &counter);
        let many = "SELECT string_agg(payload::text, ',')
                    FROM aws_lambda.invoke_many((SELECT arn FROM functions WHERE id = 1), '{1,2}'::json[])";
        assert_eq!(user.text(many), "1,2", "{version}");
        session.run(&format!("DROP OWNED BY {caller}"));
        assert_eq!(differences(&extensions(&mut session), &fresh), [""; 0], "{version}");
    }
}
