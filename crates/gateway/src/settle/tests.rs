use std::time::Duration;

use penstock_control::journal::{JournalOptions, Recovered};
use penstock_control::{ControlStore, Scope, Settler, UsageQuery};
use penstock_control::{Dsn, Store};
use penstock_core::{Dialect, OrgId};
use penstock_dialects::observe::Reported;
use penstock_providers::{AuthScheme, Price};
use tempfile::TempDir;

use super::*;
use crate::reserve::reserve;
use crate::{Caller, ProviderSpec, Request};

const CATALOGUE: &str = r#"
version = "test-1"
[[model]]
provider = "openai"
id = "priced"
input = "2"
output = "10"
[[model]]
provider = "groq"
id = "cheap"
input = "0.5"
output = "1"
"#;

/// Input tokens that the scan is said to have estimated.
const INPUT: u64 = 1_000;

/// A journal, a store, and the settler between them. The settler is started when a test wants rows, so until
/// then the journal is as a killed process would leave it.
struct Bench {
    settling: Arc<Settling>,
    settler: Settler,
    store: Arc<Store>,
    dir: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&Dsn::Sqlite(dir.path().join("penstock.db"))).await.unwrap());
        let (journal, _) = Journal::open(&dir.path().join("journal"), options()).unwrap();
        let journal = Arc::new(journal);
        let (handle, settler) =
            Settler::new(Arc::clone(&store) as Arc<dyn ControlStore>, Arc::clone(&journal));
        let settling = Arc::new(Settling {
            journal,
            settler: handle,
            catalogue: Arc::new(Catalogue::parse(CATALOGUE).unwrap()),
            stopping: AtomicBool::new(false),
        });
        Self { settling, settler, store, dir }
    }

    fn begin(&self, exchange: &Exchange, candidate: &Candidate) -> SettleGuard {
        reserve(exchange, candidate, &self.settling).unwrap()
    }

    /// A chat request to `openai/priced`.
    fn begin_usual(&self) -> SettleGuard {
        let mut guard = self.begin(&asked(Operation::Generate), &candidate("openai", "priced"));
        guard.trying(Arc::new(AtomicBool::new(true)));
        guard
    }

    /// Open requests, and settlements that the store does not have.
    fn counts(&self) -> (u64, u64) {
        (self.settling.journal.open_requests(), self.settling.journal.pending())
    }

    /// What the journal says is owed.
    fn recovered(&self) -> Recovered {
        self.settling.journal.close().unwrap();
        Journal::open(&self.dir.path().join("journal"), options()).unwrap().1
    }

    /// The one settlement that is owed, after exactly one request has ended.
    fn owed(&self) -> Settlement {
        assert_eq!(self.counts(), (0, 1));
        let recovered = self.recovered();
        assert_eq!((recovered.interrupted, recovered.damaged), (0, 0));
        let [settlement] = recovered.settlements.as_slice() else { panic!("{recovered:?}") };
        settlement.clone()
    }

    /// The rows that reach the store.
    async fn rows(self) -> Vec<Settlement> {
        let Self { settling, settler, store, .. } = self;
        drop(settling);
        assert!(settler.start().unwrap().finish(Duration::from_secs(10)).await, "a guard is still there");
        store.usage(&UsageQuery { limit: 10, ..UsageQuery::default() }).await.unwrap().rows
    }
}

fn options() -> JournalOptions {
    JournalOptions { segment_bytes: 1 << 16, ..JournalOptions::default() }
}

fn asked(operation: Operation) -> Exchange {
    let dialect = match operation {
        Operation::CountTokens => Dialect::AnthropicMessages,
        _ => Dialect::OpenaiChat,
    };
    let mut exchange = Exchange::open(Request::sample(dialect, operation, r#"{"model":"fast"}"#)).unwrap();
    exchange.envelope.estimated_input = INPUT;
    exchange
}

fn candidate(channel: &str, model: &str) -> Candidate {
    Candidate::sample(ProviderSpec::sample(channel), model)
}

fn tokens(input: u64, output: u64) -> Usage {
    Usage { input, output, ..Usage::default() }
}

fn reported(input: u64, output: u64) -> Reported {
    let raw = format!(r#"{{"prompt_tokens":{input},"completion_tokens":{output}}}"#).into();
    Reported { usage: tokens(input, output), raw }
}

/// An answer whose provider has reported 100 and 50 tokens.
fn whole() -> Observed {
    Observed { reported: Some(reported(100, 50)), terminal: true, finished: true, ..Observed::default() }
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

#[tokio::test]
async fn however_a_request_ends_the_first_end_is_the_only_one() {
    let settle: fn(&mut SettleGuard) = |guard| drop(guard.settle(&whole(), Ended::Complete));
    let abandon: fn(&mut SettleGuard) = |guard| drop(guard.abandon(&Observed::default()));
    let void: fn(&mut SettleGuard) = SettleGuard::void;
    let drop_only: fn(&mut SettleGuard) = |guard| assert!(!guard.is_settled());
    let failed: fn(&mut SettleGuard) = |guard| {
        guard.failed("server_error");
        guard.abandon(&Observed::default());
    };
    let complete = Some((Ended::Complete, tokens(100, 50)));
    let gone = Some((Ended::ClientGone, tokens(INPUT, 0)));
    for (name, first, expected) in [
        ("settle", settle, complete),
        ("abandon", abandon, gone),
        ("void", void, None),
        ("drop", drop_only, gone),
        ("abandon after a failure", failed, None),
    ] {
        for reading in ["journal", "store"] {
            let bench = Bench::new().await;
            let mut guard = bench.begin_usual();
            assert_eq!(bench.counts(), (1, 0));
            first(&mut guard);
            if name != "drop" {
                assert!(guard.is_settled(), "{name}");
                for later in [settle, abandon, void] {
                    later(&mut guard);
                }
            }
            drop(guard);
            assert_eq!(bench.counts(), (0, u64::from(expected.is_some())), "{name}");
            let found = if reading == "journal" { bench.recovered().settlements } else { bench.rows().await };
            let found: Vec<_> = found.iter().map(|found| (found.ended, found.usage)).collect();
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{name} in the {reading}");
        }
    }
}

#[tokio::test]
async fn a_request_whose_end_is_never_heard_of_owes_what_was_estimated() {
    let bench = Bench::new().await;
    std::mem::forget(bench.begin_usual());
    let recovered = bench.recovered();
    assert_eq!(recovered.interrupted, 1);
    let [settlement] = recovered.settlements.as_slice() else { panic!("{recovered:?}") };
    assert_eq!((settlement.usage, settlement.source), (tokens(INPUT, 0), UsageSource::Estimated));
    assert_eq!((settlement.ended, settlement.cost), (Ended::Interrupted, Some(usd("0.002"))));
    assert_eq!((&*settlement.route, &*settlement.model), ("fast", "priced"));
}

#[tokio::test]
async fn usage_is_the_providers_own_where_the_answer_is_whole_and_estimated_where_not() {
    use Ended::{ClientGone, Complete, Interrupted};
    use UsageSource::{Estimated, Upstream};
    let seen = |reported, output_bytes| Observed { reported, output_bytes, ..Observed::default() };
    let finished = |observed| Observed { finished: true, ..observed };
    let terminal = |observed| Observed { terminal: true, ..observed };
    let cached = Usage { input: 10, output: 5, cache_read: 90, reasoning: 2, ..Usage::default() };
    let cached = Some(Reported { usage: cached, raw: "{}".into() });
    for (name, observed, ended, usage, source, cost) in [
        ("whole", whole(), Complete, tokens(100, 50), Upstream, "0.0007"),
        ("one document", seen(Some(reported(100, 50)), 4_000), Complete, tokens(100, 50), Upstream, "0.0007"),
        (
            "gone at the end",
            terminal(seen(Some(reported(100, 50)), 4_000)),
            ClientGone,
            tokens(100, 50),
            Upstream,
            "0.0007",
        ),
        (
            "broken at the end",
            finished(seen(Some(reported(100, 50)), 4_000)),
            Interrupted,
            tokens(100, 50),
            Upstream,
            "0.0007",
        ),
        (
            "partial report, much seen",
            seen(Some(reported(100, 1)), 400),
            ClientGone,
            tokens(100, 100),
            Estimated,
            "0.0012",
        ),
        (
            "partial report, little seen",
            seen(Some(reported(100, 50)), 40),
            Interrupted,
            tokens(100, 50),
            Estimated,
            "0.0007",
        ),
        ("no report", seen(None, 401), Complete, tokens(INPUT, 101), Estimated, "0.00301"),
        ("no report, no end", seen(None, 400), Interrupted, tokens(INPUT, 100), Estimated, "0.003"),
        ("nothing seen", seen(None, 0), ClientGone, tokens(INPUT, 0), Estimated, "0.002"),
        (
            "a partial report keeps its other figures",
            seen(cached.clone(), 40),
            Interrupted,
            Usage { output: 10, ..cached.as_ref().unwrap().usage },
            Estimated,
            "0.0003",
        ),
    ] {
        let bench = Bench::new().await;
        bench.begin_usual().settle(&observed, ended);
        let owed = bench.owed();
        assert_eq!((owed.usage, owed.source, owed.ended), (usage, source, ended), "{name}");
        assert_eq!(owed.cost, Some(usd(cost)), "{name}");
        assert_eq!(owed.raw_usage, observed.reported.map(|reported| reported.raw), "{name}");
    }
}

#[tokio::test]
async fn embeddings_have_no_output_to_estimate_and_counting_tokens_is_free() {
    for (operation, channel, model, observed, usage, source, cost) in [
        (
            Operation::Embed,
            "openai",
            "priced",
            Observed { output_bytes: 40_000, ..Observed::default() },
            tokens(INPUT, 0),
            UsageSource::Estimated,
            "0.002",
        ),
        (Operation::Embed, "openai", "priced", whole(), tokens(100, 50), UsageSource::Upstream, "0.0007"),
        (Operation::CountTokens, "openai", "priced", whole(), Usage::default(), UsageSource::Upstream, "0"),
        (
            Operation::CountTokens,
            "anthropic",
            "unheard-of",
            Observed { output_bytes: 40, ..Observed::default() },
            Usage::default(),
            UsageSource::Upstream,
            "0",
        ),
    ] {
        let bench = Bench::new().await;
        bench.begin(&asked(operation), &candidate(channel, model)).settle(&observed, Ended::Complete);
        let owed = bench.owed();
        assert_eq!(
            (owed.usage, owed.source, owed.cost),
            (usage, source, Some(usd(cost))),
            "{operation} {model}"
        );
    }
    let bench = Bench::new().await;
    std::mem::forget(bench.begin(&asked(Operation::CountTokens), &candidate("openai", "priced")));
    let settlement = bench.recovered().settlements.remove(0);
    assert_eq!((settlement.usage, settlement.cost), (Usage::default(), Some(usd("0"))));
}

#[tokio::test]
async fn a_cost_names_the_catalogue_that_gave_it_and_an_unknown_price_is_no_cost() {
    let own = Price { input: "1000".parse().unwrap(), ..Price::default() };
    let listed =
        |id: &str, price| crate::ModelSpec { id: id.to_owned(), price, ..crate::ModelSpec::default() };
    let models = vec![listed("priced", Some(own)), listed("cheap", None)];
    let configured = ProviderSpec { models, ..ProviderSpec::sample("openai").named("work") };
    let renamed = ProviderSpec::sample("openai").named("renamed");
    let misnamed = ProviderSpec::sample("groq").named("openai");
    let at = Candidate::sample;
    for (name, candidate, cost) in [
        ("catalogue", candidate("openai", "priced"), Some(usd("0.0007"))),
        ("dated", candidate("openai", "priced-2025-01-31"), Some(usd("0.0007"))),
        ("by its channel", at(renamed, "priced"), Some(usd("0.0007"))),
        ("not by its name", at(misnamed, "priced"), None),
        ("own price", at(configured.clone(), "priced"), Some(usd("0.1"))),
        ("listed without a price", at(configured, "cheap"), None),
        ("unknown model", candidate("openai", "unheard-of"), None),
        ("another's model", candidate("anthropic", "priced"), None),
    ] {
        let bench = Bench::new().await;
        bench.begin(&asked(Operation::Generate), &candidate).settle(&whole(), Ended::Complete);
        let owed = bench.owed();
        assert_eq!(owed.cost, cost, "{name}");
        assert_eq!(owed.price_version.as_deref(), cost.map(|_| "test-1"), "{name}");
        assert_eq!(owed.usage, tokens(100, 50), "{name}");
    }
}

#[tokio::test]
async fn the_candidate_that_was_tried_last_is_the_one_that_owes() {
    let bench = Bench::new().await;
    let mut guard = bench.begin_usual();
    assert_eq!(&*guard.provider_name(), "openai");
    let credentials = vec![crate::CredentialSpec::sample("spare", "k")];
    let second = ProviderSpec { credentials, ..ProviderSpec::sample("groq").named("other") };
    guard.now_with(&Candidate::sample(second, "cheap"));
    assert_eq!(&*guard.provider_name(), "other");
    guard.settle(&whole(), Ended::Complete);
    let owed = bench.owed();
    assert_eq!(
        (&*owed.provider, &*owed.model, owed.credential.as_deref()),
        ("other", "cheap", Some("spare"))
    );
    assert_eq!(owed.cost, Some(usd("0.0001")));
    assert_eq!(&*owed.route, "fast", "what was asked for stays");

    let bench = Bench::new().await;
    let mut guard = bench.begin_usual();
    let keyless = Candidate { credential: None, ..candidate("openai", "unheard-of") };
    guard.now_with(&keyless);
    guard.settle(&whole(), Ended::Complete);
    let owed = bench.owed();
    assert_eq!((owed.credential, owed.cost, owed.price_version), (None, None, None));
}

#[tokio::test]
async fn while_the_process_stops_it_is_not_the_client_who_is_gone() {
    for (stopping, ended) in [(false, Ended::ClientGone), (true, Ended::Interrupted)] {
        for by_drop in [false, true] {
            let bench = Bench::new().await;
            let mut guard = bench.begin_usual();
            bench.settling.stopping.store(stopping, Ordering::Relaxed);
            if !by_drop {
                guard.abandon(&Observed { output_bytes: 40, ..Observed::default() });
            }
            drop(guard);
            let owed = bench.owed();
            assert_eq!(owed.ended, ended, "{by_drop}");
            assert_eq!(owed.usage.output, if by_drop { 0 } else { 10 });
        }
        let bench = Bench::new().await;
        let mut guard = bench.begin_usual();
        bench.settling.stopping.store(stopping, Ordering::Relaxed);
        guard.settle(&whole(), Ended::Complete);
        assert_eq!(bench.owed().ended, Ended::Complete, "an answer that is whole stays so");
    }
}

#[tokio::test]
async fn whoever_asked_is_charged() {
    let user = Caller::user(&[(Scope::Org(OrgId(1)), "*")]);
    let Caller::User(ada) = user.clone() else { panic!() };
    let ids = (Some(ada.org_id), ada.team_id, Some(ada.user_id), Some(ada.key_id));
    let nobody = (None, None, None, None);
    for (caller, ids, tenant) in [
        (Caller::Open, nobody, None),
        (user, ids, None),
        (Caller::own_key("sk-proj-1", AuthScheme::Bearer), nobody, Some("byok:0123456789abcdef")),
    ] {
        let bench = Bench::new().await;
        let exchange = asked(Operation::Generate).asked_by(caller);
        bench.begin(&exchange, &candidate("openai", "priced")).settle(&whole(), Ended::Complete);
        let owed = bench.owed();
        assert_eq!((owed.org_id, owed.team_id, owed.user_id, owed.key_id), ids);
        assert_eq!(owed.tenant.as_deref(), tenant);
        assert_eq!((owed.request_id, owed.at), (exchange.request.id, exchange.request.at));
    }
}

#[tokio::test]
async fn times_are_measured_from_the_arrival() {
    let since = Duration::from_secs(7);
    for first_byte in [false, true] {
        let bench = Bench::new().await;
        let mut exchange = asked(Operation::Generate);
        exchange.request.arrived = Instant::now().checked_sub(since).unwrap();
        let mut guard = bench.begin(&exchange, &candidate("openai", "priced"));
        if first_byte {
            guard.first_byte();
        }
        guard.settle(&whole(), Ended::Complete);
        let owed = bench.owed();
        assert!((7_000..60_000).contains(&owed.latency_ms), "{}", owed.latency_ms);
        assert_eq!(owed.ttft_ms.is_some(), first_byte);
        assert!(owed.ttft_ms.is_none_or(|ttft| (7_000..=owed.latency_ms).contains(&ttft)));
    }
}
