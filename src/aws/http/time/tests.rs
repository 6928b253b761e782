use super::*;

const NOW: f64 = 1_790_000_000.0;
const DAY: f64 = 86_400.0;

fn at(seconds: u64) -> Mono {
    Mono::START + Duration::from_secs(seconds)
}

#[test]
fn only_a_date_that_can_be_true_counts() {
    assert_eq!(
        credible("Thu, 01 Jan 2026 00:00:00 GMT"),
        Some(1_767_225_600.0)
    );
    for date in [
        "",
        "Wed, 31 Dec 2014 23:59:59 GMT",
        "Fri, 01 Jan 2100 00:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec +294000 23:59:59 GMT",
        "Fri, 31 Dec 294000 23:59:59 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Fri, 32 Jan 2026 00:00:00 GMT",
        "1767225600",
        "-1",
        "\u{221e}",
    ] {
        assert_eq!(credible(date), None, "{date}");
    }
}

#[test]
fn an_odd_date_is_reported_once_and_corrects_nothing() {
    let (mut differences, mut correction) = (Differences::default(), Correction::default());
    for second in 0..100 {
        let ahead = if second % 3 == 1 { 3.0 * DAY } else { 0.0 };
        assert_eq!(differences.is_news("a", ahead, at(second)), second == 1);
        let corrected = correction.answered(Some(ahead), Signature::Accepted, at(second));
        assert_eq!(corrected, None);
    }
    assert!(differences.is_news("b", -DAY, at(100)));
    assert!(differences.is_news("a", -DAY, at(100 + REPORTED_FOR.as_secs())));
    assert_eq!(correction.seconds, 0.0);
}

#[test]
fn a_refusal_among_accepted_signatures_corrects_nothing() {
    let mut correction = Correction::default();
    correction.answered(Some(0.0), Signature::Accepted, at(0));
    let refused = correction.answered(Some(2.0 * DAY), Signature::Refused, at(59));
    assert_eq!(refused, None);
}

#[test]
fn a_host_clock_that_aws_refuses_is_corrected_until_it_is_right_again() {
    let mut correction = Correction::default();
    let mut answered = |ahead, signature, second| correction.answered(ahead, signature, at(second));
    let (accepted, refused) = (Signature::Accepted, Signature::Refused);
    assert_eq!(answered(Some(2.0 * DAY), refused, 0), Some(2.0 * DAY));
    // Accepted now: the date is as far from the clock as the correction says.
    assert_eq!(answered(Some(2.0 * DAY), accepted, 1), None);
    // The host's clock was set right.
    assert_eq!(answered(Some(0.0), refused, 90), Some(0.0));
    // A refusal for another reason, and one without a date.
    assert_eq!(answered(Some(0.0), refused, 91), None);
    assert_eq!(answered(None, refused, 92), None);
}

#[test]
fn what_one_endpoint_refuses_moves_no_other_clients_signatures() {
    let of_one = ServiceTime::new(Clock::anchored(NOW));
    let of_another = of_one.of_another_client();
    let date = "Fri, 01 Jan 2027 00:00:00 GMT";
    of_one.answered("a", Some(date), Signature::Refused);
    let ahead = |time: &ServiceTime| time.now().duration_since(of_another.now());
    assert!(ahead(&of_one).unwrap() > Duration::from_secs(86_400));
    assert_eq!(locked(&of_another.correction).seconds, 0.0);
}

#[test]
fn the_time_of_signatures_is_always_in_the_calendar() {
    let time = ServiceTime::new(Clock::anchored(NOW));
    for (correction, unix) in [
        (0.0, NOW),
        (-2.0 * NOW, 0.0),
        (1e300, CREDIBLE.end),
        (2.0 * DAY, NOW + 2.0 * DAY),
    ] {
        locked(&time.correction).seconds = correction;
        let now = time.now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        assert!((now - unix).abs() < 60.0, "{correction}: {now}");
    }
}
