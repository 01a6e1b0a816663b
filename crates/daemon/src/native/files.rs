//! The files that members' jobs read, where this host lays out any.

use wire::message::{Compile, Refusal, Refused};

use super::refused;
use crate::compile::Task;
use crate::shop::Shop;
use crate::views::{self, Lease, Views};

/// What a job of files reads. Waits for what was not told yet, before the job has a slot.
pub(super) async fn tree(
    task: &Task,
    compile: &Compile,
    views: &views::OfLink,
) -> Result<Option<Lease>, Refused> {
    let Some(inputs) = &compile.inputs else {
        return Ok(None);
    };
    let Some(view) = views.get(inputs.view) else {
        let text = "the view that it names is over, or never was";
        return Err(refused::files(&views::Lost::new(
            Refusal::FilesMissing,
            text,
        )));
    };
    let tools = task.toolchain.toolchain().root;
    let directory = compile.directory.as_bytes();
    let tree = view.tree(&compile.toolchain, &tools, inputs, directory);
    tree.await.map(Some).map_err(|lost| refused::files(&lost))
}

pub(super) async fn open(shop: &Shop) -> Option<Views> {
    let executor = shop.executor.as_ref()?;
    if !executor.rung().has_mounts() {
        return None;
    }
    let base = shop.toolchains.store().root().to_path_buf();
    let cache = shop.config.cache_limit_bytes;
    let opened = tokio::task::spawn_blocking(move || Views::open(&base, cache)).await;
    match opened.map_err(std::io::Error::other).flatten() {
        Ok(views) => Some(views),
        Err(error) => {
            tracing::warn!("members' jobs get no files here, only text: {error}");
            None
        }
    }
}
