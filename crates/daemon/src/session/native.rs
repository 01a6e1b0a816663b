//! A local client wants its compiler as an archive.

use icecream::{GetNativeEnv, Message, NativeEnv};

use super::{End, Session};

impl Session {
    /// Answers with the archive's path, or with END and a close: then the client compiles locally.
    pub(super) async fn native(&mut self, wanted: GetNativeEnv) -> Result<(), End> {
        match self.post.shop.natives.get(wanted).await {
            Ok(path) => Ok(self
                .channel
                .send(&Message::NativeEnv(NativeEnv { path }))
                .await?),
            Err(error) => {
                tracing::warn!("{error}");
                let _gone = self.channel.send(&Message::End).await;
                Err(End::Refused("its compiler could not be packed".to_owned()))
            }
        }
    }
}
