//! PublishVersion and ListVersionsByFunction.

use http::StatusCode;

use super::answers::{Shown, answer, configuration as show, own};
use super::call::{Call, check_revision};
use super::pages::{Page, version_key};
use super::update::{ASK_FUNCTION, Tidy, check_idle};
use super::{code, settings, shapes};
use crate::http_io::Answer;
use crate::invoke_api::ApiError;
use crate::model::{Code, LayerVersion, Published, Record, Version, new_id};

/// Makes a version of `$LATEST`, whose code must be an archive.
pub(super) fn add(record: &mut Record, description: Option<&str>) -> Version {
    let mut version = record.latest.clone();
    record.last_number += 1;
    record.published = hash_of(&version.code).map(|sha256| Published {
        number: record.last_number,
        sha256,
        configuration: version.configuration.clone(),
    });
    version.number = Some(record.last_number);
    version.build = new_id();
    version.revision_id = new_id();
    if let Some(description) = description {
        version.configuration.description = description.to_owned();
    }
    record.versions.insert(record.last_number, version.clone());
    version
}

fn hash_of(code: &Code) -> Option<String> {
    match code {
        Code::Archive { sha256, .. } => Some(sha256.clone()),
        Code::Folder { .. } => None,
    }
}

/// The version that was published of what `$LATEST` is still.
fn unchanged<'a>(record: &'a Record, frozen: &Frozen) -> Option<&'a Version> {
    let published = record.published.as_ref()?;
    let mut configuration = record.latest.configuration.clone();
    configuration.layers.clone_from(&frozen.layers);
    let same = hash_of(&frozen.code).as_ref() == Some(&published.sha256)
        && configuration == published.configuration;
    if same { record.versions.get(&published.number) } else { None }
}

/// A version's code and layers as archives.
struct Frozen {
    code: Code,
    layers: Vec<LayerVersion>,
}

impl Frozen {
    async fn of(call: &Call<'_>, version: &Version) -> Result<Self, ApiError> {
        let mut layers = version.configuration.layers.clone();
        for layer in &mut layers {
            layer.code = code::freeze(call, layer.code.clone()).await?;
        }
        Ok(Self { code: code::freeze(call, version.code.clone()).await?, layers })
    }

    /// Exchanges them for those of the version.
    fn swap(&mut self, version: &mut Version) {
        std::mem::swap(&mut self.code, &mut version.code);
        std::mem::swap(&mut self.layers, &mut version.configuration.layers);
    }
}

/// PublishVersion.
pub(super) async fn publish(call: &Call<'_>) -> Result<Answer, ApiError> {
    let name = call.whole_function("PublishVersion", shapes::PUBLISH_VERSION)?;
    settings::check_supported(call)?;
    let record = call.record(&name)?;
    check_idle(call, &record)?;
    check_revision(call.text("RevisionId"), &record.latest.revision_id, ASK_FUNCTION)?;
    check_hash(call, &record)?;
    let arriving = call.service.code().arrival().await;
    let _tidy = Tidy(call);
    let mut frozen = Frozen::of(call, &record.latest).await?;
    let build = record.latest.build.clone();
    let (record, version) = call.change(&name, |record, all| {
        check_idle(call, record)?;
        if record.latest.build != build {
            return Err(ApiError::conflict(
                "The function was changed while its version was being published.",
            ));
        }
        if let Some(version) = unchanged(record, &frozen) {
            return Ok((record.clone(), version.clone()));
        }
        code::check_storage(all, &frozen.code)?;
        frozen.swap(&mut record.latest);
        let version = add(record, call.text("Description"));
        frozen.swap(&mut record.latest);
        Ok((record.clone(), version))
    })?;
    drop(arriving);
    Ok(answer(StatusCode::CREATED, own(call, &record, &version)))
}

/// `CodeSha256`: the caller says which code it means.
fn check_hash(call: &Call<'_>, record: &Record) -> Result<(), ApiError> {
    let Some(given) = call.text("CodeSha256").filter(|given| !given.is_empty()) else {
        return Ok(());
    };
    let now = code::hash(call, &record.latest).unwrap_or_default();
    if given == now {
        return Ok(());
    }
    Err(ApiError::invalid_parameter(format!(
        "CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({now}). Please try \
         again with the CodeSHA256 in $LATEST."
    )))
}

/// ListVersionsByFunction.
pub(super) fn list(call: &Call<'_>) -> Result<Answer, ApiError> {
    let mut problems = Vec::new();
    let page = Page::read(call, 10_000, &mut problems)?;
    let target = call.target_with("ListVersionsByFunction", &[], problems)?;
    let record = call.record(&target.name)?;
    let versions =
        record.all_versions().map(|version| (version_key(&record.name, version.number), version));
    let show = |version: &Version| {
        let name = version.name();
        show(call, &record, version, Shown { qualifier: Some(&name), states: false })
    };
    Ok(answer(StatusCode::OK, page.of("Versions", versions, show)))
}
