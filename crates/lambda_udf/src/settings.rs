//! The settings file, an INI file that only the server's user can read, each setting with the
//! reason for its default.

use std::env;
use std::fs::{self, File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ini::Ini;
use lambda_core::limits::ANSWER_BYTES;
use lambda_core::{AllowedFunctions, Endpoint, Region};
use nix::unistd::{getegid, geteuid};

use crate::failure::Failure;

/// Names another file.
const FILE_VARIABLE: &str = "SQLAMBDA_UDF_FILE";

/// The file, if it is there.
const DEFAULT_FILE: &str = "/etc/sqlambda/lambda_udf.ini";

const SECTION: &str = "lambda_udf";

/// The longest that a Lambda function may run, in milliseconds.
pub(crate) const LONGEST_MS: u64 = 900_000;

/// As many tries as the PostgreSQL side allows.
const MOST_ATTEMPTS: u64 = 10;

/// What the file says.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The region of functions that are named without one.
    pub(crate) region: Option<Region>,
    /// Where requests go, instead of where the AWS environment says.
    pub(crate) endpoint: Option<Endpoint>,
    /// RDS's default for PostgreSQL: a connection inside one region takes a few milliseconds.
    pub(crate) connect_timeout: Duration,
    /// RDS's default for PostgreSQL, and the default timeout of a new Lambda function.
    pub(crate) request_timeout: Duration,
    /// The default of AWS's own SDKs: one try and two more.
    pub(crate) max_attempts: u32,
    /// The only functions that may be called; None: all that IAM allows.
    pub(crate) allowed_functions: Option<Arc<AllowedFunctions>>,
    /// Lambda's own limit.
    pub(crate) max_response_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            region: None,
            endpoint: None,
            connect_timeout: Duration::from_millis(1000),
            request_timeout: Duration::from_millis(3000),
            max_attempts: 3,
            allowed_functions: None,
            max_response_bytes: ANSWER_BYTES,
        }
    }
}

/// The settings in force. The file is read again when it has changed.
///
/// # Errors
/// A file that others can read, or that cannot be understood.
pub(crate) fn current() -> Result<Arc<Settings>, Failure> {
    static KNOWN: Mutex<Option<(Stamp, Arc<Settings>)>> = Mutex::new(None);
    let (path, is_named) = file();
    let found = match fs::metadata(&path) {
        Ok(found) => Some(found),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_named => None,
        Err(error) => return Err(unusable(&path, &error.to_string())),
    };
    let stamp = Stamp::of(found.as_ref());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, settings)) = known.as_ref()
        && *of == stamp
    {
        return Ok(Arc::clone(settings));
    }
    let settings = Arc::new(match found {
        Some(_) => read(&path).map_err(|problem| unusable(&path, &problem))?,
        None => Settings::default(),
    });
    *known = Some((stamp, Arc::clone(&settings)));
    Ok(settings)
}

fn file() -> (PathBuf, bool) {
    match env::var_os(FILE_VARIABLE) {
        Some(path) => (path.into(), true),
        None => (DEFAULT_FILE.into(), false),
    }
}

fn unusable(path: &Path, problem: &str) -> Failure {
    Failure::setup(format!("{}: {problem}", path.display()))
}

/// What tells one state of the file from another.
#[derive(Debug, Eq, PartialEq)]
struct Stamp(Option<[i64; 5]>);

impl Stamp {
    fn of(file: Option<&Metadata>) -> Self {
        Self(file.map(|file| {
            let (size, inode) = (file.size().cast_signed(), file.ino().cast_signed());
            // A change of owner or mode changes the ctime.
            [file.mtime(), file.mtime_nsec(), file.ctime() ^ file.ctime_nsec(), size, inode]
        }))
    }
}

fn read(path: &Path) -> Result<Settings, String> {
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    // Of the open file: the name may belong to another one by now.
    let found = file.metadata().map_err(|error| error.to_string())?;
    check_access(&found, path)?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|error| error.to_string())?;
    parse(&text)
}

/// It says where requests signed with the server's credentials go: nobody else may write it, and
/// nobody else has to read it.
fn check_access(found: &Metadata, path: &Path) -> Result<(), String> {
    let is_owned = found.uid() == geteuid().as_raw() || found.uid() == 0;
    let group_reads = found.mode() & 0o040 != 0;
    let is_our_group = found.gid() == getegid().as_raw();
    if is_owned && found.mode() & 0o037 == 0 && (!group_reads || is_our_group) {
        return Ok(());
    }
    let (uid, path) = (geteuid(), path.display());
    Err(format!(
        "only the server's user may read and write it. Run: chown {uid} {path}; chmod 600 {path}"
    ))
}

fn parse(text: &str) -> Result<Settings, String> {
    let ini =
        Ini::load_from_str(text).map_err(|error| format!("line {}: {}", error.line, error.msg))?;
    let mut settings = Settings::default();
    for (section, properties) in &ini {
        if section != Some(SECTION) && !properties.is_empty() {
            let section = section.unwrap_or("none");
            return Err(format!("unknown section [{section}]; all settings are in [{SECTION}]"));
        }
        for (name, value) in properties {
            set(&mut settings, name, value).map_err(|rule| format!("{name} {rule}"))?;
        }
    }
    Ok(settings)
}

fn set(settings: &mut Settings, name: &str, value: &str) -> Result<(), String> {
    match name {
        "region" => {
            let region = value.parse().map_err(|_| "is not a Region, such as us-east-1")?;
            settings.region = Some(region);
        }
        // The value is not repeated: it may carry a password.
        "endpoint" => settings.endpoint = Some(Endpoint::parse(value)?),
        "connect_timeout_ms" => {
            settings.connect_timeout = Duration::from_millis(number(value, LONGEST_MS)?);
        }
        "request_timeout_ms" => {
            settings.request_timeout = Duration::from_millis(number(value, LONGEST_MS)?);
        }
        "max_attempts" => {
            settings.max_attempts =
                u32::try_from(number(value, MOST_ATTEMPTS)?).map_err(|error| error.to_string())?;
        }
        "allowed_functions" => {
            let allowed = AllowedFunctions::parse(value).map_err(|error| error.to_string())?;
            settings.allowed_functions = allowed.map(Arc::new);
        }
        "max_response_bytes" => {
            let bytes = number(value, ANSWER_BYTES as u64)?;
            settings.max_response_bytes = usize::try_from(bytes).unwrap_or(ANSWER_BYTES);
        }
        _ => {
            return Err("is no setting: region, endpoint, connect_timeout_ms, \
                        request_timeout_ms, max_attempts, max_response_bytes and \
                        allowed_functions are"
                .to_owned());
        }
    }
    Ok(())
}

fn number(value: &str, most: u64) -> Result<u64, String> {
    match value.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(format!("must be from 1 to {most}")),
    }
}
