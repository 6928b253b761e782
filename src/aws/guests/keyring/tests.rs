use super::*;

const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);

fn id(text: &str) -> IdentityId<'_> {
    IdentityId::parse(text).unwrap()
}

fn keys(name: &str) -> Keys {
    Keys::new(name, "secret", Some("token".to_owned()), None, "test")
}

fn after(time: Duration) -> Mono {
    Mono::START + time
}

fn key_of(keyring: &Keyring, identity: &str) -> Option<String> {
    let keys = keyring.get(id(identity))?;
    Some(keys.access_key_id().to_owned())
}

#[test]
fn each_identity_has_its_own_keys() {
    let keyring = Keyring::default();
    keyring.put(id("r:a"), keys("A"), HOUR, after(MINUTE));
    keyring.put(id("r:b"), keys("B"), HOUR, after(MINUTE));
    assert_eq!(key_of(&keyring, "r:a").as_deref(), Some("A"));
    assert_eq!(key_of(&keyring, "r:b").as_deref(), Some("B"));
    assert_eq!(key_of(&keyring, "r:c"), None);
    assert!(!keyring.has_good(id("r:c"), after(MINUTE)));
    keyring.drop_refused(id("r:a"));
    assert_eq!(key_of(&keyring, "r:a"), None);
    assert_eq!(key_of(&keyring, "r:b").as_deref(), Some("B"));
}

#[test]
fn keys_are_good_until_a_minute_or_a_tenth_of_their_life_before_they_expire() {
    for (life, good_for) in [
        (HOUR, HOUR - MINUTE),
        (MINUTE, Duration::from_secs(54)),
        (10 * HOUR, HOUR - MINUTE),
        (Duration::ZERO, Duration::ZERO),
    ] {
        let keyring = Keyring::default();
        keyring.put(id("r:a"), keys("A"), life, after(HOUR));
        let is_good = |age| keyring.has_good(id("r:a"), after(HOUR + age));
        assert!(!is_good(good_for), "{life:?}");
        keyring.put(id("r:a"), keys("A"), life, after(HOUR));
        let just_before = good_for.saturating_sub(Duration::from_millis(1));
        assert_eq!(is_good(just_before), !life.is_zero(), "{life:?}");
    }
}

#[test]
fn only_where_polls_are_more_frequent_than_exchanges_keys_outlive_a_poll() {
    for (interval, stay) in [
        (MINUTE, true),
        (HOUR - MINUTE, true),
        (HOUR, false),
        (24 * HOUR, false),
    ] {
        let keyring = Keyring::default();
        keyring.put(id("r:a"), keys("A"), HOUR, Mono::START);
        assert!(key_of(&keyring, "r:a").is_some(), "while the poll lasts");
        keyring.poll_ended(id("r:a"), interval);
        assert_eq!(key_of(&keyring, "r:a").is_some(), stay, "{interval:?}");
    }
}

#[test]
fn what_has_expired_is_dropped() {
    let keyring = Keyring::default();
    for number in 0..100 {
        keyring.put(id(&format!("r:{number:x}")), keys("A"), HOUR, Mono::START);
    }
    keyring.put(id("r:ee1"), keys("B"), HOUR, after(HOUR / 2));
    assert!(!keyring.has_good(id("r:ff1"), after(HOUR - MINUTE)));
    assert_eq!(key_of(&keyring, "r:5"), None);
    assert_eq!(key_of(&keyring, "r:ee1").as_deref(), Some("B"));
    assert_eq!(keyring.lock().held.len(), 1);
}
