//! UpdateFunctionCode and UpdateFunctionConfiguration.

use http::StatusCode;

use super::answers::{answer, own};
use super::call::{Call, check_revision};
use super::{code as packages, settings, shapes, versions};
use crate::http_io::Answer;
use crate::invoke_api::ApiError;
use crate::model::{Progress, Record, Version};

/// The operations that tell a function's revision.
pub(super) const ASK_FUNCTION: &str = "GetFunction/GetAlias";

/// Refuses while the function is being made or changed.
pub(super) fn check_idle(call: &Call<'_>, record: &Record) -> Result<(), ApiError> {
    let now = "The operation cannot be performed at this time.";
    if record.latest.state == Progress::Doing {
        return Err(ApiError::conflict(format!(
            "{now} The function is currently in the following state: Pending"
        )));
    }
    if record.latest.update == Progress::Doing {
        return Err(ApiError::conflict(format!(
            "{now} An update is in progress for resource: {}",
            call.arn(&record.name)
        )));
    }
    Ok(())
}

/// UpdateFunctionCode.
pub(super) async fn code(call: &Call<'_>) -> Result<Answer, ApiError> {
    let name = call.whole_function("UpdateFunctionCode", shapes::UPDATE_CODE)?;
    settings::check_supported(call)?;
    let record = call.record(&name)?;
    check_idle(call, &record)?;
    check_revision(call.text("RevisionId"), &record.latest.revision_id, ASK_FUNCTION)?;
    let arriving = call.service.code().arrival().await;
    let received = packages::receive(call, &call.body).await;
    // However this ends: what was received, or the code of before, may be used no more.
    let _tidy = Tidy(call);
    let received = received?;
    if call.flag("DryRun") {
        let mut shown = record.latest.clone();
        shown.code = received;
        return Ok(answer(StatusCode::OK, own(call, &record, &shown)));
    }
    let (record, shown) = call.change(&name, |record, all| {
        check_idle(call, record)?;
        check_revision(call.text("RevisionId"), &record.latest.revision_id, ASK_FUNCTION)?;
        packages::check_storage(all, &received)?;
        record.latest.code = received;
        settings::apply(call, &mut record.latest.configuration)?;
        record.latest.changed();
        let published = call.flag("Publish").then(|| versions::add(record, None));
        Ok((record.clone(), published.unwrap_or_else(|| record.latest.clone())))
    })?;
    drop(arriving);
    Ok(started(call, &record, &shown))
}

/// UpdateFunctionConfiguration.
pub(super) fn configuration(call: &Call<'_>) -> Result<Answer, ApiError> {
    let name = call.whole_function("UpdateFunctionConfiguration", shapes::UPDATE_CONFIGURATION)?;
    settings::check_supported(call)?;
    let record = call.change(&name, |record, _| {
        check_idle(call, record)?;
        check_revision(call.text("RevisionId"), &record.latest.revision_id, ASK_FUNCTION)?;
        settings::apply(call, &mut record.latest.configuration)?;
        record.latest.changed();
        Ok(record.clone())
    })?;
    Ok(started(call, &record, &record.latest))
}

fn started(call: &Call<'_>, record: &Record, shown: &Version) -> Answer {
    if record.folder.is_some() {
        let function = &record.name;
        tracing::warn!(function, "changed until the next start, or a change of its folder");
    }
    call.service.activate(record);
    answer(StatusCode::OK, own(call, record, shown))
}

/// Has unused code removed once the change is made, or has failed.
pub(super) struct Tidy<'a>(pub(super) &'a Call<'a>);

impl Drop for Tidy<'_> {
    fn drop(&mut self) {
        self.0.service.code_was_dropped();
    }
}
