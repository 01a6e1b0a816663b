//! The authority's signed list of members that are refused.
//!
//! It names members, not certificates, and a member stays in it until the last certificate it was given
//! has ended; after that its certificate is refused for its age, and the authority never gives it another.
//! Lists are numbered; a list never gives way to one with a lower number. The number is at least the time
//! of its making, so that an authority that was restored from a backup is still believed.
//!
//! Layout, numbers big-endian: 16 bytes that say what it is, the cluster's id (16), number (8), time of
//! signing (8), how many members (4), their ids (16 each), length of the certificate by which an old
//! authority vouches for the signing one (2, often zero), that certificate, an Ed25519 signature of all
//! this (64).

use std::collections::BTreeSet;

use crate::certificate::Ca;
use crate::id::ClusterId;
use crate::key::Key;
use job::MemberId;

const MAGIC: &[u8; 16] = b"floe-revoked-1\r\n";
const SIGNATURE: usize = 64;
const MOST: usize = 1 << 16;

/// Members that are refused.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RevocationList {
    number: u64,
    issued: u64,
    members: BTreeSet<MemberId>,
    bytes: Vec<u8>,
}

/// Why a list is not believed; the one in force stays. It is the fault of who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadList {
    #[error("the list of revoked members is malformed")]
    Malformed,
    #[error("the list of revoked members is another cluster's")]
    OtherCluster,
    #[error("the list of revoked members is not signed by the cluster's authority")]
    NotSigned,
}

impl RevocationList {
    /// The longest list.
    pub const CAP: u64 = (MOST * MemberId::LENGTH + 8192) as u64;

    /// As the authority signed it; empty when it never signed one.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn contains(&self, member: MemberId) -> bool {
        self.members.contains(&member)
    }

    pub fn members(&self) -> impl Iterator<Item = MemberId> {
        self.members.iter().copied()
    }

    pub(crate) fn sign(
        cluster: ClusterId,
        (number, issued): (u64, u64),
        members: &[MemberId],
        (key, cross): (&Key, Option<&[u8]>),
    ) -> Vec<u8> {
        // The newest stay when there are too many, which takes more members than a cluster may have.
        let members = &members[members.len().saturating_sub(MOST)..];
        let mut bytes = MAGIC.to_vec();
        bytes.extend(cluster.as_bytes());
        bytes.extend(number.to_be_bytes());
        bytes.extend(issued.to_be_bytes());
        bytes.extend((members.len() as u32).to_be_bytes());
        for member in members {
            bytes.extend(member.as_bytes());
        }
        let cross = cross.unwrap_or_default();
        bytes.extend((cross.len() as u16).to_be_bytes());
        bytes.extend(cross);
        let signature = key.sign(&bytes);
        bytes.extend(signature);
        bytes
    }

    /// Reads a list that one of `roots` signed, or whom one of them vouches for.
    pub(crate) fn open<'a>(
        bytes: &[u8],
        cluster: ClusterId,
        roots: impl Iterator<Item = &'a Ca>,
        now: u64,
    ) -> Result<Self, BadList> {
        let (signed, signature) = bytes
            .split_last_chunk::<SIGNATURE>()
            .ok_or(BadList::Malformed)?;
        let (list, of, cross) = read(signed).ok_or(BadList::Malformed)?;
        if of != cluster {
            return Err(BadList::OtherCluster);
        }
        let vouched = Ca::read(cross).filter(|ca| ca.covers(now));
        let mut roots = roots;
        let is_signed = roots.any(|root| {
            let by_heir = |heir: &Ca| root.signed(cross) && heir.key.verifies(signed, signature);
            root.key.verifies(signed, signature) || vouched.as_ref().is_some_and(by_heir)
        });
        if !is_signed {
            return Err(BadList::NotSigned);
        }
        let bytes = bytes.to_vec();
        Ok(Self { bytes, ..list })
    }
}

fn read(signed: &[u8]) -> Option<(RevocationList, ClusterId, &[u8])> {
    let rest = signed.strip_prefix(MAGIC)?;
    let (cluster, rest) = rest.split_first_chunk()?;
    let (number, rest) = rest.split_first_chunk()?;
    let (issued, rest) = rest.split_first_chunk()?;
    let (count, rest) = rest.split_first_chunk()?;
    let count = usize::try_from(u32::from_be_bytes(*count)).ok()?;
    if count > MOST {
        return None;
    }
    let (ids, rest) = rest.split_at_checked(count * MemberId::LENGTH)?;
    let (ids, _) = ids.as_chunks();
    let (length, cross) = rest.split_first_chunk()?;
    if usize::from(u16::from_be_bytes(*length)) != cross.len() {
        return None;
    }
    let list = RevocationList {
        number: u64::from_be_bytes(*number),
        issued: u64::from_be_bytes(*issued),
        members: ids.iter().copied().map(MemberId::from_bytes).collect(),
        bytes: Vec::new(),
    };
    Some((list, ClusterId::from_bytes(*cluster), cross))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{mint, time};

    #[test]
    fn only_the_authority_s_own_list_of_this_cluster_is_believed() {
        let cluster = ClusterId::from_bytes([1; 16]);
        let (key, other) = (Key::generate().unwrap(), Key::generate().unwrap());
        let now = time::at(1_000_000);
        let root = mint::root(cluster, 1, &key, now).unwrap();
        let roots = [Ca::read(&root).unwrap()];
        let members = [MemberId::from_bytes([5; 16]), MemberId::from_bytes([6; 16])];
        let open = |bytes: &[u8]| RevocationList::open(bytes, cluster, roots.iter(), 1_000_000);

        let bytes = RevocationList::sign(cluster, (7, 1), &members, (&key, None));
        let list = open(&bytes).unwrap();
        assert_eq!(list.number(), 7);
        assert!(members.iter().all(|member| list.contains(*member)));
        assert_eq!(list.bytes(), bytes);

        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(open(&changed).is_err(), "{at}");
            assert!(open(&bytes[..at]).is_err(), "{at}");
        }
        let forged = RevocationList::sign(cluster, (8, 1), &[], (&other, None));
        assert_eq!(open(&forged), Err(BadList::NotSigned));
        let elsewhere = ClusterId::from_bytes([2; 16]);
        let foreign = RevocationList::sign(elsewhere, (8, 1), &[], (&key, None));
        assert_eq!(open(&foreign), Err(BadList::OtherCluster));
    }

    #[test]
    fn an_heir_signs_for_those_who_know_the_old_authority_only() {
        let cluster = ClusterId::from_bytes([1; 16]);
        let (old, new) = (Key::generate().unwrap(), Key::generate().unwrap());
        let now = time::at(1_000_000);
        let root = mint::root(cluster, 1, &old, now).unwrap();
        let cross = mint::cross(cluster, (2, &new), (&root, &old), now, 2_000_000).unwrap();
        let stranger = Key::generate().unwrap();
        let foreign = mint::root(cluster, 1, &stranger, now).unwrap();
        let bytes = RevocationList::sign(cluster, (7, 1), &[], (&new, Some(&cross)));
        let open = |root: &[u8], now| {
            let root = Ca::read(root).unwrap();
            RevocationList::open(&bytes, cluster, [root].iter(), now).map(|list| list.number())
        };
        assert_eq!(open(&root, 1_500_000), Ok(7));
        assert_eq!(open(&root, 2_000_001), Err(BadList::NotSigned));
        assert_eq!(open(&foreign, 1_500_000), Err(BadList::NotSigned));
    }
}
