//! A compile that an icecream client orders.

use icecream::CompileFile;
use job::{JobId, Trouble, answer};
use transport::Channel;

use super::answer::{evicted, refusal};
use super::{End, Said, Session};
use crate::compile::{Client, Outcome, Source, Step, Task, shown};
use crate::core::code;
use crate::executor::{self, Failure};
use crate::listen::Place;

impl Client for Channel {
    async fn hear(&mut self, source: &mut Source) -> Result<(), End> {
        if !source.listens() {
            return std::future::pending().await;
        }
        match source.take(self.receive().await?.ok_or(End::Closed)?) {
            Step::More | Step::Complete => Ok(()),
            Step::Nonsense => Err(End::Refused(
                "it sent something else within a source".to_owned(),
            )),
        }
    }

    async fn started(&mut self) -> Result<(), End> {
        Ok(())
    }
}

impl Session {
    /// Always ends the session, as in icecream.
    pub(super) async fn compile(&mut self, file: CompileFile) -> Result<(), End> {
        let job = JobId(file.job_id);
        if self.post.shop.config.grants_only && self.peer.place != Place::Here {
            // Nobody has placed it here, so nobody is told.
            let text = "this host compiles under its scheduler's grants only, which icecream's protocol does not have";
            self.send_text(text).await?;
            self.linger().await;
            return Err(End::Refused("it has no grant".to_owned()));
        }
        let task = match self.accept(file).await {
            Ok(task) => task,
            Err(text) => return self.reject(job, text).await,
        };
        match self.post.compile(task, &mut self.channel).await {
            Outcome::Made(made) => self.deliver(made.finished).await,
            Outcome::Full(full) => self.send_back(&Trouble::Disk.answer(&full)).await,
            Outcome::Refused(why) => self.send_back(&refusal(why)).await,
            Outcome::TooLarge => self.send_back(answer::TOO_LARGE).await,
            Outcome::Client(end) => Err(end),
            Outcome::Owner => self.send_back(answer::HANDED_BACK).await,
            Outcome::Evicted { again } => self.send_back(evicted(again)).await,
            Outcome::Failed(failure) => self.failed(&failure).await,
        }
    }

    async fn accept(&self, file: CompileFile) -> Result<Task, String> {
        let job = JobId(file.job_id);
        let entry = self
            .post
            .shop
            .entry(&file.target_platform, &file.env_version);
        let entry = entry.map_err(|error| error.to_string())?;
        let flags = shown(file.flags.iter().map(Vec::as_slice));
        let order = executor::Order::try_from(file).map_err(|error| error.to_string())?;
        let ready = self.post.shop.ready(&entry).await;
        let (executor, toolchain) = ready.map_err(|unready| unready.to_string())?;
        Ok(Task {
            job,
            order,
            flags,
            toolchain,
            tree: None,
            executor,
            most_memory: None,
            most_time: None,
        })
    }

    /// The client compiles locally when it reads a text in place of a result.
    async fn reject(&mut self, job: JobId, text: String) -> Result<(), End> {
        self.post.reject(job, code::NO_TOOLCHAIN).await;
        self.post.tell(Said::ToolchainsChanged).await;
        self.send_text(text.clone()).await?;
        self.linger().await;
        Err(End::Refused(text))
    }

    async fn failed(&mut self, failure: &Failure) -> Result<(), End> {
        let blames_toolchain = failure.toolchain_is_foreign() || failure.toolchain_is_broken();
        if !blames_toolchain && !matches!(failure, Failure::Order(_)) {
            let text = failure.trouble().answer(&failure.to_string());
            return self.send_back(&text).await;
        }
        self.send_text(failure.to_string()).await?;
        self.linger().await;
        Err(End::Refused(failure.to_string()))
    }
}
