//! A whole scheduler on loopback, spoken to by pretended daemons, monitors and people.

// Helpers of tests may unwrap like the tests themselves.
#![allow(clippy::unwrap_used)]

mod peers;

use std::time::Duration;

use icecream::discovery::{self, Identity};
use icecream::monitor::HostState;
use icecream::{JobBegin, JobDone, Message, StatusText};
use peers::{Daemon, Served, control, read_to_end, request, within};
use scheduler::{Config, SchedulerError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use transport::ListenError;

fn begin(job_id: u32) -> Message {
    Message::JobBegin(JobBegin {
        job_id,
        start_time: 7,
        client_count: 1,
    })
}

fn done(job_id: u32) -> Message {
    Message::JobDone(JobDone {
        job_id,
        real_msec: 5,
        ..JobDone::default()
    })
}

#[tokio::test]
async fn a_job_goes_to_a_host_and_monitors_see_it() {
    let served = Served::start(Config::default()).await;
    let mut monitor = served.monitor().await;
    let mut executor = served.executor("worker", 1).await;
    let joined = loop {
        if let Message::MonStats(stats) = monitor.next().await
            && let HostState::Online(host) = HostState::parse(&stats.text)
            && host.load == 5
        {
            assert_eq!(
                (host.name.as_str(), host.max_jobs, host.version),
                ("worker", 1, 44)
            );
            break stats.host_id;
        }
    };
    let mut submitter = served.submitter("desk").await;
    submitter.say(Message::GetCs(request(9))).await;
    let Message::UseCs(answer) = submitter.next().await else {
        panic!("it went home")
    };
    assert_eq!(
        (answer.hostname.as_str(), answer.client_id, answer.got_env),
        ("127.0.0.1", 9, true)
    );
    assert_eq!(u32::from(executor.port), answer.port);
    executor.say(begin(answer.job_id)).await;

    let mut late = served.monitor().await;
    let mut seen = Vec::new();
    while seen.len() < 4 {
        seen.push(late.next().await.kind().to_string());
    }
    assert_eq!(
        seen,
        ["MON_STATS", "MON_STATS", "MON_GET_CS", "MON_JOB_BEGIN"],
        "who comes late sees all"
    );

    executor.say(done(answer.job_id)).await;
    let mut told = Vec::new();
    while told.len() < 3 {
        match monitor.next().await {
            Message::MonGetCs(asked) => told.push(("asked", asked.job_id)),
            Message::MonJobBegin(begin) => {
                assert_eq!((begin.host_id, begin.start_time), (joined, 7));
                told.push(("begun", begin.job_id));
            }
            Message::MonJobDone(done) => told.push(("done", done.job_id)),
            _ => {}
        }
    }
    assert_eq!(told, [("asked", 1), ("begun", 1), ("done", 1)]);
    drop(executor);
    loop {
        if let Message::MonStats(stats) = monitor.next().await
            && HostState::parse(&stats.text) == HostState::Offline
        {
            assert_eq!(stats.host_id, joined);
            break;
        }
    }
}

#[tokio::test]
async fn without_any_host_a_job_goes_home() {
    let served = Served::start(Config::default()).await;
    let mut submitter = served.submitter("desk").await;
    submitter.say(Message::GetCs(request(3))).await;
    let Message::NoCs(answer) = submitter.next().await else {
        panic!("it went somewhere")
    };
    assert_eq!((answer.job_id, answer.client_id), (1, 3));
}

#[tokio::test]
async fn when_nobody_is_willing_a_job_goes_home_after_a_while() {
    let served = Served::start(Config::default()).await;
    let mut owned = served.executor("owned", 1).await;
    let mut submitter = served.submitter("desk").await;
    let mut floes = served.connect().await;
    let Message::Login(login) = peers::login("floes", 0, 0) else {
        panic!()
    };
    let features = login.features | icecream::Login::HEARS_REASONS;
    let login = icecream::Login { features, ..login };
    floes.send(&Message::Login(login)).await.unwrap();
    let mut floes = Daemon {
        channel: floes,
        port: 0,
    };
    assert!(matches!(floes.next().await, Message::CsConf(_)));

    let began = std::time::Instant::now();
    owned.say(peers::load(1000)).await;
    served.settled("load=1000").await;
    submitter.say(Message::GetCs(request(3))).await;
    floes.say(Message::GetCs(request(4))).await;
    let Message::NoCs(plain) = submitter.next().await else {
        panic!("it went somewhere")
    };
    assert_eq!(plain.client_id, 3);
    let Message::UseCs(reasoned) = floes.next().await else {
        panic!("it was told no reason")
    };
    assert_eq!(
        (
            reasoned.client_id,
            reasoned.hostname.as_str(),
            reasoned.matched_job_id
        ),
        (4, "", job::Reason::NobodyWilling as u32)
    );
    assert!(
        began.elapsed() >= Duration::from_secs(5),
        "it was too hasty"
    );
}

#[tokio::test]
async fn a_host_whose_port_is_closed_gets_nothing() {
    let served = Served::start(Config::default()).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let _walled = served.daemon("walled", 4, port).await;
    let mut submitter = served.submitter("desk").await;
    submitter.say(Message::GetCs(request(1))).await;
    assert!(matches!(submitter.next().await, Message::NoCs(_)));
}

#[tokio::test]
async fn nonsense_costs_its_sender_the_connection_and_nobody_else_anything() {
    let served = Served::start(Config::default()).await;
    let address = ("127.0.0.1", served.port);
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let endings: [&[u8]; 5] = [
        b"GET / HTTP/1.0\r\n\r\n",
        &[43, 0, 0, 0, 43, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
        &[43, 0, 0, 0, 43, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 68],
        &[43, 0, 0, 0, 43, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 66],
        &[41, 0, 0, 0, 41, 0, 0, 0],
    ];
    for bytes in endings {
        let mut bad = TcpStream::connect(address).await.unwrap();
        bad.write_all(bytes).await.unwrap();
        within(read_to_end(&mut bad)).await;
    }
    let mut daemon = served.executor("worker", 1).await;
    let wrong = Message::NoCs(icecream::NoCs {
        job_id: 1,
        client_id: 1,
    });
    daemon.say(wrong).await;
    daemon.ends().await;
    let mut stranger = served.executor("stranger", 1).await;
    stranger
        .say(Message::StatusText(StatusText {
            text: "nobody asked".to_owned(),
        }))
        .await;
    stranger.ends().await;
    served.executor("worker", 1).await; // is let in at once
}

#[tokio::test]
async fn a_monitor_that_does_not_read_is_dropped_and_delays_nobody() {
    let served = Served::start(Config::default()).await;
    let mut deaf = served.monitor().await;
    let mut busy = served.executor("worker", 1).await;
    // The kernel alone takes some forty thousand.
    for round in 0..140_000_u32 {
        busy.feed(&peers::load(round % 900));
        if round % 4096 == 0 {
            busy.flush().await;
        }
    }
    busy.feed(&peers::load(950));
    busy.flush().await;
    let mut submitter = served.submitter("desk").await;
    submitter.say(Message::GetCs(request(1))).await;
    within(submitter.next()).await;
    // Read too early, it would keep up with a scheduler that has not come to the end yet.
    served.settled("load=950").await;
    let mut heard = 0;
    while within(deaf.channel.receive())
        .await
        .is_ok_and(|message| message.is_some())
    {
        heard += 1;
    }
    assert!(heard < 140_000, "all {heard} messages were kept for it");
}

#[tokio::test]
async fn the_control_port_speaks_icecreams_words() {
    let served = Served::start(Config::default()).await;
    let mut worker = served.executor("worker", 2).await;
    let mut submitter = served.submitter("desk").await;
    submitter.say(Message::GetCs(request(1))).await;
    submitter.next().await;
    worker.say(begin(1)).await;
    served.settled("COMP").await;
    let port = worker.port;
    let text = control(
        served.control,
        "listcs\r\n\nLISTJOBS\nremovecs\nunblockcs\nwhat now\nquit\n",
    )
    .await;
    let (greeting, rest) = text.split_once('\n').unwrap();
    assert!(greeting.starts_with("200-ICECC "), "{greeting}");
    assert!(
        greeting.ends_with("s uptime, 2 hosts, 1 jobs in queue (1 total)."),
        "{greeting}"
    );
    let expected = format!(
        "200 Use 'help' for help and 'quit' to quit.\n \
         worker (127.0.0.1:{port}) [x86_64] speed=0.00 jobs=1/2 load=5\n   \
         1 COMP sub:desk on:worker some/file.cpp\n \
         desk (127.0.0.1:0) [x86_64] speed=0.00 jobs=0/0 load=5\n\
         200 done\n \
         1 COMP sub:desk on:worker some/file.cpp\n\
         200 done\n\
         401 Sure. But which hosts?\n200 done\n\
         401 Sure. But which host?\n200 done\n\
         Invalid command 'what now'\n200 done\n\
         200 Good Bye!\n"
    );
    assert_eq!(rest, expected);
    let text = control(
        served.control,
        "blockcs worker\nlistblocks\nunblockcs worker\nquit\n",
    )
    .await;
    assert!(
        text.contains("removing host worker\n200 done\n   worker\n200 done\n200 done\n"),
        "{text}"
    );
    worker.ends().await;
}

#[tokio::test]
async fn a_blocked_host_is_not_let_in() {
    let served = Served::start(Config::default()).await;
    control(served.control, "blockcs worker\nquit\n").await;
    let mut channel = served.connect().await;
    channel.send(&peers::login("worker", 1, 1)).await.unwrap();
    assert!(matches!(within(channel.receive()).await, Ok(None) | Err(_)));
    control(served.control, "unblockcs worker\nquit\n").await;
    served.executor("worker", 1).await;
}

#[tokio::test]
async fn internals_wait_for_one_host_and_nobody_waits_for_them() {
    let served = Served::start(Config::default()).await;
    let _mute = served.executor("mute", 1).await;
    let asking = tokio::spawn(control(served.control, "internals mute\nquit\n"));
    let mut talker = served.executor("talker", 1).await;
    let answering = async {
        assert_eq!(talker.next().await, Message::GetInternals);
        talker
            .say(Message::StatusText(StatusText {
                text: "Node Name: talker\n".to_owned(),
            }))
            .await;
    };
    let (text, ()) = tokio::join!(
        control(served.control, "internals talker\nquit\n"),
        answering
    );
    assert!(text.contains("\nNode Name: talker\n200 done\n"), "{text}");
    assert!(!asking.is_finished());
    let text = tokio::time::timeout(Duration::from_secs(30), asking)
        .await
        .unwrap()
        .unwrap();
    assert!(text.contains("\nmute not reporting\n200 done\n"), "{text}");
}

#[tokio::test]
async fn it_can_be_found_and_yields_to_a_better_one() {
    let config = Config {
        net_name: "here".to_owned(),
        ..Config::default()
    };
    let served = Served::start(config).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(("127.0.0.1", served.port)).await.unwrap();
    let mut buffer = [0; 300];
    socket
        .send(&discovery::query(icecream::Version::V43))
        .await
        .unwrap();
    let length = within(socket.recv(&mut buffer)).await.unwrap();
    let found = discovery::read_reply(&buffer[..length], icecream::Version::V43).unwrap();
    assert_eq!(
        (found.version, found.net_name.as_slice()),
        (44, &b"here"[..])
    );

    let mut daemon = served.executor("worker", 1).await;
    let announce = |net_name: &str, start_time| {
        let identity = Identity {
            version: 44,
            start_time,
            net_name: net_name.into(),
        };
        discovery::announce(&identity)[1].clone()
    };
    socket.send(&announce("elsewhere", 5)).await.unwrap();
    socket
        .send(&announce("here", found.start_time + 5))
        .await
        .unwrap();
    let mut still_here = served.executor("other", 1).await;
    socket.send(&announce("here", 5)).await.unwrap();
    daemon.ends().await;
    still_here.ends().await;
}

#[tokio::test]
async fn a_persistent_scheduler_keeps_its_daemons() {
    let served = Served::start(Config {
        persistent_clients: true,
        ..Config::default()
    })
    .await;
    let mut daemon = served.executor("worker", 1).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let identity = Identity {
        version: 44,
        start_time: 5,
        net_name: b"ICECREAM".to_vec(),
    };
    let datagram = &discovery::announce(&identity)[1];
    socket
        .send_to(datagram, ("127.0.0.1", served.port))
        .await
        .unwrap();
    let text = control(served.control, "internals nobody\nlistcs\nquit\n").await;
    assert!(text.contains(" worker ("), "{text}");
    daemon.say(peers::load(7)).await;
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let config = Config {
        port,
        listen: vec![std::net::Ipv4Addr::LOCALHOST.into()],
        tests: true,
        ..Config::default()
    };
    let error = scheduler::bind(config).await.unwrap_err();
    assert!(
        matches!(error, SchedulerError::Listen(ListenError::PortInUse { .. })),
        "{error}"
    );
    assert!(error.to_string().contains(&port.to_string()), "{error}");
    let config = Config {
        port: 65535,
        ..Config::default()
    };
    assert!(matches!(
        scheduler::bind(config).await,
        Err(SchedulerError::NoControlPort)
    ));
}

#[tokio::test]
async fn monitors_hear_of_the_end_and_daemons_see_it() {
    let served = Served::start(Config::default()).await;
    let mut monitor = served.monitor().await;
    let mut daemon = served.executor("worker", 1).await;
    served.stop().await;
    while monitor.next().await != Message::End {}
    daemon.ends().await;
}

#[tokio::test]
async fn many_log_in_at_once() {
    let served = Served::start(Config::default()).await;
    let began = std::time::Instant::now();
    let mut daemons: Vec<Daemon> = Vec::new();
    for number in 0..200 {
        daemons.push(served.executor(&format!("node{number}"), 1).await);
    }
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "icecream accepts one a second"
    );
    let text = control(served.control, "quit\n").await;
    assert!(text.contains(" 200 hosts,"), "{text}");
}

#[tokio::test]
async fn a_session_at_the_control_port_has_bounds() {
    let served = Served::start(Config::default()).await;
    let mut stream = TcpStream::connect(("127.0.0.1", served.control))
        .await
        .unwrap();
    let _may_fail_midway = stream.write_all(&[b'x'; 20_000]).await;
    let mut text = Vec::new();
    let _reset_or_end = within(stream.read_to_end(&mut text)).await;
    let text = String::from_utf8_lossy(&text);
    assert!(!text.contains("Invalid"), "{text}");
}

#[tokio::test]
async fn idle_sessions_of_one_address_leave_the_control_port_to_others() {
    let served = Served::start(Config::default()).await;
    let mut idle = Vec::new();
    for _ in 0..16 {
        let mut stream = TcpStream::connect(("127.0.0.1", served.control))
            .await
            .unwrap();
        // A greeting, so that it is known to be accepted.
        assert!(within(stream.read(&mut [0; 16])).await.unwrap() > 0);
        idle.push(stream);
    }
    let mut refused = TcpStream::connect(("127.0.0.1", served.control))
        .await
        .unwrap();
    let mut text = String::new();
    let _reset_or_end = within(refused.read_to_string(&mut text)).await;
    assert_eq!(text, "");

    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
    let mut other = socket
        .connect(([127, 0, 0, 1], served.control).into())
        .await
        .unwrap();
    other.write_all(b"quit\n").await.unwrap();
    within(other.read_to_string(&mut text)).await.unwrap();
    assert!(text.contains("200 Good Bye!"), "{text}");
}
