//! Each list that a line of attention leads to is as long as the line says.

use cognitosync_exporter::api::Dataset;
use cognitosync_exporter::clock::Clock;
use cognitosync_exporter::simulator::{Fault, Life};
use serde_json::Value;

use crate::status::{dataset, page, status};
use crate::support::{
    Exporter, Server, configuration, eventually, identity_id, pool_id, still_world,
};

/// The links of attention to lists: the address, and the number in the words.
fn lists(html: &str) -> Vec<(String, usize)> {
    let (_, attention) = html.split_once("<ul class=\"attention\">").unwrap();
    let (attention, _) = attention.split_once("</section>").unwrap();
    let links = attention.split("href=\"api/v1/identities?").skip(1);
    let lists = links.map(|link| {
        let (address, words) = link.split_once("\">").unwrap();
        let (words, _) = words.split_once("</a>").unwrap();
        let number = words.split(' ').find_map(|word| word.parse().ok());
        let address = format!("/api/v1/identities?{}", address.replace("&#38;", "&"));
        (address, number.unwrap_or_else(|| panic!("{words}")))
    });
    lists.collect()
}

#[test]
fn each_list_has_as_many_identities_as_the_line_says() {
    let server = Server::start(still_world(1, 20));
    server.simulator.world(|world| {
        let mut put = |identity: usize, datasets: Vec<u64>| {
            let datasets = datasets
                .into_iter()
                .map(|bytes| dataset(bytes, 9))
                .collect();
            world.insert(
                &pool_id(0),
                &identity_id(identity),
                Life::Datasets(datasets),
            );
        };
        for identity in 0..3 {
            put(identity, vec![1 << 20]);
        }
        for identity in 3..5 {
            put(identity, vec![900_000]);
        }
        // Without a list, one of the two may be near the limit.
        for identity in 5..9 {
            put(identity, vec![600_000, 600_000]);
        }
        put(9, vec![10; 20]);
        put(10, vec![2 << 20]);
        // Who still writes.
        for (identity, ago) in [(11, 90.0), (12, 30.0)] {
            let written = Dataset {
                last_modified: Some(Clock::system().now().unix - ago),
                ..dataset(10, 9)
            };
            world.insert(
                &pool_id(0),
                &identity_id(identity),
                Life::Datasets(vec![written]),
            );
        }
    });
    for identity in 0..2 {
        server.simulator.world(|world| {
            world.remove(&pool_id(0), &identity_id(19 - identity));
        });
        let denied = Fault::Error(403, "NotAuthorizedException");
        let id = identity_id(15 + identity);
        server.simulator.set_fault(&id, Some(denied));
    }
    let poll = "interval: 1s, attempts: 1, rate_limit: 100, datasets: off, stale_after: 1h";
    let exporter = Exporter::start(&configuration(poll, &server.url, 1, 20));
    eventually("everyone was polled", || {
        let states = status(&exporter)["pools"][0]["states"].take();
        (states["pending"] == 0 && states["missing"] == 2).then_some(())
    });
    let (_, html) = page(&exporter, "/");
    let lists = lists(&html);
    for (address, number) in &lists {
        let list: Value = serde_json::from_str(&page(&exporter, address).1).unwrap();
        let rows = list["identities"].as_array().unwrap().len();
        assert_eq!(rows, *number, "{address}");
    }
    // The lists of all begin with those that the tables of the page begin with.
    let status = status(&exporter);
    for (table, query) in [
        ("fullest_identities", "near=0.8&sort=nearest"),
        ("writers", "modified_within=30d&sort=latest_modified"),
    ] {
        let encoded = query.replace('&', "&#38;");
        assert!(
            html.contains(&format!("\"api/v1/identities?{encoded}\"")),
            "{query}"
        );
        let list = page(&exporter, &format!("/api/v1/identities?{query}")).1;
        let list: Value = serde_json::from_str(&list).unwrap();
        let first = |list: &Value| list[0]["identity_id"].as_str().map(str::to_owned);
        let of_table = first(&status[table]);
        assert!(of_table.is_some(), "{table}");
        assert_eq!(first(&list["identities"]), of_table, "{query}");
    }
    let mut numbers: Vec<_> = lists.iter().map(|(_, number)| *number).collect();
    numbers.sort_unstable();
    // All datasets, near that, above the limit; near, missing and failing; full; possibly near.
    assert_eq!(numbers, [1, 1, 1, 2, 2, 2, 3, 4], "{lists:?}");
}
