//! Every strategy distributes as it promises.

use anyhow::Result;
use penstock_control::ProviderModel;
use penstock_core::Clock as _;
use penstock_core::{CredentialStrategy, ProviderId, RouteStrategy, SystemClock};
use penstock_tests::gateway::{Builder, DataDir, Gateway};
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::json;

use super::seed::{Seed, Store};
use super::{requests, with_key};

async fn start(seed: Seed) -> Result<Gateway> {
    let data = DataDir::new()?;
    let store = Store::in_folder(data.path()).await?;
    store.put(seed).await?;
    store.close().await?;
    Builder::on(data).start().await
}

/// How many requests each of the keys got out of so many.
async fn shares<const N: usize>(
    gateway: &Gateway,
    upstream: &ScriptedUpstream,
    model: &str,
    number: usize,
    keys: [&str; N],
) -> Result<[usize; N]> {
    let before = keys.map(|key| with_key(upstream, key));
    requests(gateway, model, number).await?;
    let mut after = keys.map(|key| with_key(upstream, key));
    after.iter_mut().zip(before).for_each(|(after, before)| *after -= before);
    Ok(after)
}

fn priced(provider: ProviderId, input: &str) -> impl FnOnce(i64) -> ProviderModel {
    let (pricing, now) = (json!({"input": input, "output": "1"}), SystemClock.now());
    move |id| ProviderModel {
        id,
        provider_id: provider,
        model_id: "scripted".to_owned(),
        display_name: None,
        pricing: Some(pricing),
        context_window: None,
        max_output_tokens: None,
        capabilities: None,
        enabled: true,
        created_at: now,
        updated_at: now,
    }
}

#[tokio::test]
async fn members_are_chosen_as_their_route_says() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let mut seed = Seed::default();
    let (one, two) = (seed.simple("one", &upstream.url()), seed.simple("two", &upstream.url()));
    seed.add(priced(one, "2"));
    seed.add(priced(two, "1"));
    let slow = "scripted@slow-head-ms=60";
    for (strategy, first) in [
        (RouteStrategy::Failover, "scripted"),
        (RouteStrategy::RoundRobin, "scripted"),
        (RouteStrategy::Weighted, "scripted"),
        (RouteStrategy::LeastLatency, slow),
        (RouteStrategy::Cheapest, "scripted"),
    ] {
        seed.route(strategy.as_str(), strategy, &[(one, first, 0, 3), (two, "scripted", 0, 1)]);
    }
    let gateway = start(seed).await?;
    let of =
        async |route: &str, number| shares(&gateway, &upstream, route, number, ["sk-one", "sk-two"]).await;
    assert_eq!(of("failover", 10).await?, [10, 0]);
    assert_eq!(of("round_robin", 20).await?, [10, 10]);
    assert_eq!(of("cheapest", 10).await?, [0, 10]);
    let [heavy, light] = of("weighted", 200).await?;
    // three of four: 150, and a deviation of 6
    assert!((115..=185).contains(&heavy), "{heavy} and {light}");
    let [slow, fast] = of("least_latency", 20).await?;
    assert!(slow >= 1 && fast >= 15, "{slow} slow and {fast} fast ones");
    Ok(())
}

#[tokio::test]
async fn credentials_are_chosen_as_their_provider_says() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let mut seed = Seed::default();
    for strategy in CredentialStrategy::ALL {
        let names = ["a", "b", "c"].map(|name| format!("{strategy}-{name}"));
        let credentials = [(names[0].as_str(), 6), (names[1].as_str(), 3), (names[2].as_str(), 1)];
        let settings = json!({"base_url": format!("{}/v1", upstream.url())});
        seed.provider(strategy.as_str(), settings, *strategy, &credentials);
    }
    let gateway = start(seed).await?;
    let of = async |strategy: CredentialStrategy, number| {
        let keys = ["a", "b", "c"].map(|name| format!("sk-{strategy}-{name}"));
        let keys = [keys[0].as_str(), keys[1].as_str(), keys[2].as_str()];
        shares(&gateway, &upstream, &format!("{strategy}/scripted"), number, keys).await
    };
    assert_eq!(of(CredentialStrategy::RoundRobin, 12).await?, [4, 4, 4]);
    assert_eq!(of(CredentialStrategy::LeastUsed, 12).await?, [4, 4, 4]);
    let sticky = of(CredentialStrategy::Sticky, 12).await?;
    assert!(sticky.contains(&12), "one caller, one credential: {sticky:?}");
    let [many, some, few] = of(CredentialStrategy::Weighted, 200).await?;
    assert!((85..=155).contains(&many) && (30..=90).contains(&some) && few <= 45, "{many} {some} {few}");
    Ok(())
}

#[tokio::test]
async fn an_alias_leads_to_another_and_that_to_a_route() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let mut seed = Seed::default();
    let one = seed.simple("one", &upstream.url());
    seed.route("house-large", RouteStrategy::Failover, &[(one, "scripted@tag=large", 0, 1)]);
    seed.alias("team-(.+)", "best-$1");
    seed.alias("best-(.+)", "house-$1");
    seed.alias("gpt-(\\d)(.*)", "one/scripted@tag=$1$2");
    let gateway = start(seed).await?;
    requests(&gateway, "team-large", 1).await?;
    requests(&gateway, "gpt-4-turbo", 1).await?;
    let models: Vec<_> = upstream.requests().into_iter().map(|request| request.model).collect();
    assert_eq!(models, ["scripted@tag=large", "scripted@tag=4-turbo"]);
    assert_eq!(super::ask(&gateway, "team-small").await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn a_credential_keeps_to_its_budget() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let data = DataDir::new()?;
    let store = Store::in_folder(data.path()).await?;
    let mut seed = Seed::default();
    let settings = json!({"base_url": format!("{}/v1", upstream.url())});
    seed.provider("two", settings, CredentialStrategy::RoundRobin, &[("small", 1), ("large", 1)]);
    store.put(seed).await?;
    store
        .change(|records| {
            let small = records.credentials.iter().find(|found| found.name == "small")?.clone();
            Some(penstock_control::Credential { rpm_limit: Some(3), ..small }.into())
        })
        .await?;
    let gateway = Builder::on(data).start().await?;
    let got = shares(&gateway, &upstream, "two/scripted", 12, ["sk-small", "sk-large"]).await?;
    assert_eq!(got, [3, 9]);
    store.close().await
}
