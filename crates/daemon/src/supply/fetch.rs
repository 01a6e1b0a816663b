//! Files from another executor, as the agent says who has them.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use job::Digest;
use membership::{Expect, Live, MemberId, Role};
use tokio::task::JoinSet;
use tokio::time::timeout;
use transport::{HostPort, Incoming, Link, Passport, host_port};
use wire::field::List;
use wire::message::{Elsewhere, FetchBlob, Message, Packing};
use wire::name::Size;
use wire::{Limits, Side};

use super::Supply;
use super::assembly::{Assembly, NotWanted};
use super::landing::Broken;

/// For one address, of so many, and for all of them.
const CONNECT: Duration = Duration::from_secs(5);
const MOST_ADDRESSES: usize = 4;
const CONNECT_AT_ALL: Duration = Duration::from_secs(10);
/// Another holder, or the agent, is asked when nothing came for so long.
const QUIET: Duration = Duration::from_secs(10);
/// Of one holder at a time.
const AT_ONCE: usize = 8;
/// Connections that are kept.
const MOST: usize = 64;

/// What is to be fetched from one holder.
#[derive(Debug)]
pub(super) struct Errand {
    holder: MemberId,
    addresses: Vec<HostPort>,
    files: VecDeque<Digest>,
}

impl Errand {
    /// None if nothing of it is wanted.
    pub(super) fn of(
        assembly: &Assembly,
        elsewhere: &Elsewhere,
    ) -> Result<Option<Self>, NotWanted> {
        let files = assembly.elsewhere(&elsewhere.files)?;
        let addresses = elsewhere.addresses.iter().filter_map(host_port);
        Ok((!files.is_empty()).then(|| Self {
            holder: elsewhere.holder,
            addresses: addresses.take(MOST_ADDRESSES).collect(),
            files: files.into(),
        }))
    }
}

/// Connections to other executors, each for toolchains of one member: it is that one's word where the other
/// is, and if it is not there the others do not wait.
#[derive(Debug, Default)]
pub(super) struct Fellows(Mutex<HashMap<(MemberId, MemberId), Line>>);

type Line = Arc<tokio::sync::Mutex<Option<Link>>>;

impl Fellows {
    async fn get(
        &self,
        live: &Live,
        (owner, holder): (MemberId, MemberId),
        addresses: &[HostPort],
        bind: Option<IpAddr>,
    ) -> Result<Link, String> {
        let line = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MOST && !known.contains_key(&(owner, holder)) {
                // Who uses one has a handle of its own.
                known.clear();
            }
            Arc::clone(known.entry((owner, holder)).or_default())
        };
        // Who comes while somebody connects waits for the same connection.
        let mut line = line.lock().await;
        if let Some(link) = &*line
            && !link.is_over()
        {
            return Ok(link.clone());
        }
        let mut why = "no address of it is known".to_owned();
        for place in addresses {
            let connecting = async {
                let address = place.resolve().await?;
                let expect = Expect::Member(holder, Role::Execute);
                Passport::connect_native(live, expect, address, CONNECT, bind).await
            };
            match connecting.await {
                Ok((stream, _)) => {
                    let hello = transport::hello();
                    let (link, _opens_none) =
                        Link::start(stream, Side::Connecting, &hello, Limits::USUAL);
                    *line = Some(link.clone());
                    return Ok(link);
                }
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }

    /// Connections for which nobody has any use are closed.
    fn close(&self, of: (MemberId, MemberId)) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&of);
    }
}

impl Supply {
    /// Fetches what the agent said is elsewhere; what does not come is asked for again.
    pub(super) async fn fetch(self: Arc<Self>, assembly: Arc<Assembly>, errand: Errand) {
        let Errand {
            holder,
            addresses,
            mut files,
        } = errand;
        let bind = self.shop.config.bind;
        let of = (assembly.owner, holder);
        let link = match holder == self.me {
            true => Err("that is this host".to_owned()),
            false => {
                let getting = self.fellows.get(&self.live, of, &addresses, bind);
                let got = timeout(CONNECT_AT_ALL, getting).await;
                got.unwrap_or_else(|_| Err(format!("it does not answer in {CONNECT_AT_ALL:?}")))
            }
        };
        let link = match link {
            Ok(link) => link,
            Err(why) => {
                tracing::info!("nothing of a toolchain can be fetched from {holder}: {why}");
                files.into_iter().for_each(|file| assembly.ask_again(file));
                return;
            }
        };
        let mut fetching = JoinSet::new();
        loop {
            while fetching.len() < AT_ONCE
                && let Some(file) = files.pop_front()
            {
                let (supply, assembly) = (Arc::clone(&self), Arc::clone(&assembly));
                let link = link.clone();
                fetching.spawn(async move {
                    let fetched = supply.fetch_one(&assembly, &link, file).await;
                    (file, fetched)
                });
            }
            match fetching.join_next().await {
                None => return,
                Some(Ok((file, Ok(())))) => assembly.fetched(&file),
                Some(Ok((file, Err(broken)))) => {
                    tracing::info!("file {file} is not fetched from {holder}: {broken}");
                    // The rest would wait as long.
                    if !matches!(broken, Broken::Store(_)) {
                        files.drain(..).for_each(|file| assembly.ask_again(file));
                        self.fellows.close(of);
                    }
                    assembly.ask_again(file);
                }
                Some(Err(_)) => {}
            }
        }
    }

    async fn fetch_one(
        &self,
        assembly: &Assembly,
        link: &Link,
        file: Digest,
    ) -> Result<(), Broken> {
        let Some(_room) = self.coming.take(assembly.owner).await else {
            return Ok(());
        };
        let offset = assembly.offset(&file);
        let Ok(mut coming) = assembly.bring(file, offset, None) else {
            // It is there, or comes.
            return Ok(());
        };
        let fetch = FetchBlob {
            manifest: assembly.manifest,
            file,
            offset: Size::new(offset).unwrap_or(Size::MOST),
            accepted: List::new(vec![Packing::Zstd]).unwrap_or_default(),
        };
        let mut exchange = link.open(fetch).await?;
        exchange.finish().await?;
        let first = timeout(QUIET, exchange.next()).await;
        let blob = match first.map_err(|_| Broken::Silent(QUIET))?? {
            Some(Incoming::Message(message)) => match *message {
                Message::Blob(blob) => blob,
                Message::Denied(denied) => {
                    return Err(Broken::Wrong(denied.text.as_str().to_owned()));
                }
                other => return Err(Broken::Wrong(format!("{} came", other.name()))),
            },
            _ => return Err(Broken::Wrong("no file came".to_owned())),
        };
        let is_it = blob.manifest == assembly.manifest
            && blob.file == file
            && blob.offset.get() == offset
            && blob.size.get() == coming.file.size;
        if !is_it {
            return Err(Broken::Wrong("another file came".to_owned()));
        }
        let took = self
            .take(&mut coming, &mut exchange, blob.packing, QUIET)
            .await;
        self.conclude(assembly, coming, took).await
    }
}
