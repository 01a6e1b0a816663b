//! A toolchain that travels by its content: offered, shown, brought, shared and fetched.

use wire::ResetCode;
use wire::field::Line;
use wire::message::*;

use crate::sessions::{
    ACCEPTING, Act, CONNECTING, Step, addresses, count, digest, list, member, platform, size,
};

pub(crate) fn toolchain() -> Vec<Step> {
    let offer = Offer {
        manifest: digest(8),
        manifest_size: size(70_000),
        files: count(60),
        total: size(250 << 20),
        platform: Some(platform()),
    };
    let manifest = Manifest {
        manifest: digest(8),
        size: size(8),
        packing: Packing::Plain,
    };
    let missing = Missing {
        files: list(vec![digest(20), digest(21)]),
        more: false,
        have: list(vec![size(1_000), size(0)]),
    };
    let blob = Blob {
        manifest: digest(8),
        file: digest(20),
        offset: size(1_000),
        size: size(1_004),
        packing: Packing::Plain,
    };
    let again = Blob {
        manifest: digest(8),
        file: digest(21),
        offset: size(0),
        size: size(1_000),
        packing: Packing::Zstd,
    };
    let fetch = FetchBlob {
        manifest: digest(8),
        file: digest(21),
        offset: size(0),
        accepted: list(vec![Packing::Zstd]),
    };
    let denied = Denied {
        text: Line::new("this host does not have it"),
        retry: Retry::Elsewhere,
        code: Line::new("absent"),
    };
    let progress = Progress {
        have: size(100 << 20),
        total: size(250 << 20),
    };
    let possession = Possession { size: size(64) };
    let arrived = Arrived {
        files: list(vec![digest(20)]),
    };
    let elsewhere = Elsewhere {
        manifest: digest(8),
        files: list(vec![digest(21)]),
        holder: member(5),
        addresses: addresses(),
    };
    let share = Share {
        manifest: digest(8),
        members: list(vec![member(6)]),
    };
    vec![
        (CONNECTING, Act::Open(offer.into())),
        (ACCEPTING, Act::Say(0, ManifestWanted {}.into())),
        (CONNECTING, Act::Say(0, manifest.into())),
        (CONNECTING, Act::Data(0, b"manifest".to_vec())),
        (CONNECTING, Act::Say(0, possession.into())),
        (CONNECTING, Act::Data(0, vec![7; 64])),
        (ACCEPTING, Act::Say(0, missing.into())),
        (CONNECTING, Act::Say(0, elsewhere.into())),
        (CONNECTING, Act::Open(blob.into())),
        (CONNECTING, Act::Data(1, b"rest".to_vec())),
        (CONNECTING, Act::End(1)),
        (ACCEPTING, Act::End(1)),
        (ACCEPTING, Act::Say(0, arrived.into())),
        (ACCEPTING, Act::Say(0, progress.into())),
        (
            ACCEPTING,
            Act::Say(
                0,
                Verified {
                    manifest: digest(8),
                }
                .into(),
            ),
        ),
        (ACCEPTING, Act::End(0)),
        (CONNECTING, Act::End(0)),
        (ACCEPTING, Act::Open(fetch.into())),
        (CONNECTING, Act::Say(2, denied.into())),
        (CONNECTING, Act::End(2)),
        (ACCEPTING, Act::End(2)),
        (CONNECTING, Act::Open(again.into())),
        (CONNECTING, Act::Reset(3, ResetCode::TOO_SLOW)),
        (CONNECTING, Act::Open(share.into())),
        (ACCEPTING, Act::Say(4, Done {}.into())),
    ]
}
