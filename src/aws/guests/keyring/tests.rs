use super::*;

const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);
const MARGIN: Duration = Duration::from_secs(10);

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
    assert!(keyring.needs_exchange(id("r:c"), after(MINUTE)));
    keyring.drop_refused(id("r:a"), after(MINUTE));
    assert_eq!(key_of(&keyring, "r:a"), None);
    assert_eq!(key_of(&keyring, "r:b").as_deref(), Some("B"));
}

#[test]
fn keys_are_good_until_ten_seconds_or_a_tenth_of_their_life_before_they_expire() {
    for (life, good_for) in [
        (HOUR, HOUR - MARGIN),
        (MINUTE, Duration::from_secs(54)),
        (10 * HOUR, HOUR - MARGIN),
        (Duration::ZERO, Duration::ZERO),
    ] {
        let keyring = Keyring::default();
        keyring.put(id("r:a"), keys("A"), life, after(HOUR));
        let is_good = |age| !keyring.needs_exchange(id("r:a"), after(HOUR + age));
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
        (HOUR - MARGIN, false),
        (HOUR, false),
        (24 * HOUR, false),
    ] {
        let keyring = Keyring::default();
        keyring.put(id("r:a"), keys("A"), HOUR, Mono::START);
        assert!(key_of(&keyring, "r:a").is_some(), "while the poll lasts");
        keyring.poll_ended(id("r:a"), interval, Mono::START);
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
    assert!(keyring.needs_exchange(id("r:ff1"), after(HOUR - MARGIN)));
    assert_eq!(key_of(&keyring, "r:5"), None);
    assert_eq!(key_of(&keyring, "r:ee1").as_deref(), Some("B"));
    assert_eq!(keyring.lock().held.len(), 1);
}

/// What refuses the keys of an identity again and again must not use up the quota of logins.
#[test]
fn keys_that_are_refused_twice_are_not_replaced_for_an_hour() {
    let keyring = Keyring::default();
    for times in 1..=2 {
        assert!(keyring.needs_exchange(id("r:a"), after(MINUTE)), "{times}");
        keyring.put(id("r:a"), keys("A"), HOUR, after(MINUTE));
        keyring.drop_refused(id("r:a"), after(MINUTE));
    }
    assert!(!keyring.needs_exchange(id("r:a"), after(HOUR)));
    assert!(
        keyring.needs_exchange(id("r:b"), after(HOUR)),
        "another identity"
    );
    assert!(keyring.needs_exchange(id("r:a"), after(HOUR + MINUTE)));
    keyring.drop_refused(id("r:a"), after(HOUR + MINUTE));
    keyring.accepted(id("r:a"));
    keyring.drop_refused(id("r:a"), after(HOUR + MINUTE));
    assert!(keyring.needs_exchange(id("r:a"), after(HOUR + MINUTE)));
}
