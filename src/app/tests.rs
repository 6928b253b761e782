//! Tasks that end, panic or do not stop.

use super::*;

async fn well_behaved(stop: CancellationToken) -> TaskResult {
    stop.cancelled().await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_takes_all_down_and_is_named() {
    let mut app = App::empty();
    app.add("good".to_owned(), well_behaved);
    app.add("bad".to_owned(), |_| async { panic!("on purpose") });
    let error = app.run(std::future::pending()).await.unwrap_err();
    assert!(
        matches!(&error, RunError::Panicked { name, .. } if name == "bad"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_takes_all_down_and_is_named() {
    let mut app = App::empty();
    app.add("good".to_owned(), well_behaved);
    app.add("bad".to_owned(), |_| async { Err("no more".into()) });
    let error = app.run(std::future::pending()).await.unwrap_err();
    assert_eq!(error.to_string(), "task bad ended: no more");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_does_not_stop_is_aborted() {
    let mut app = App::empty();
    app.add("good".to_owned(), well_behaved);
    app.add("stubborn".to_owned(), |_| std::future::pending());
    let clock = Clock::anchored(0.0);
    app.run(async { "test" }).await.unwrap();
    assert!(clock.now().unix < 5.0, "{:?}", clock.now());
}
