//! Every queue keeps the same promises. A new implementation adds one test that calls [`conforms`] with a way to open
//! fresh queues.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use housestyle::broker::{
    Channel, Delivery, MAX_DELIVERIES, MemoryChannel, Message, Notification, Order, Payload, Rabbit, RabbitSettings,
    Task,
};
use housestyle::spec::Priority;
use housestyle_testkit::broker::shared;
use housestyle_testkit::needs;
use housestyle_testkit::plans::small_plan;
use housestyle_testkit::wait::PATIENCE;

#[tokio::test(flavor = "multi_thread")]
async fn memory() {
    conforms(async || Arc::new(MemoryChannel::default()) as _).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbit() {
    needs!(Broker);
    let quick = RabbitSettings { delays: [20, 40].map(Duration::from_millis).into(), ..RabbitSettings::default() };
    conforms(async || Rabbit::connect(&shared().fresh(), false, quick.clone()).await.unwrap().jobs()).await;
}

async fn conforms(open: impl AsyncFn() -> Arc<dyn Channel<Message>>) {
    delivers_each_once_and_ends(open().await).await;
    what_is_dropped_comes_back(open().await).await;
    what_keeps_failing_dies(open().await).await;
    a_receiver_that_gives_up_loses_nothing(open().await).await;
    no_lane_starves(open().await).await;
    many_receivers_share(open().await).await;
}

pub(crate) fn messages(count: u32, priority: Priority) -> Vec<Message> {
    let jobs = small_plan(count.div_ceil(4), "").jobs.into_iter().take(count as usize);
    jobs.map(|job| Message::new(housestyle::plan::Job { priority, ..job })).collect()
}

async fn publish(queue: &dyn Channel<Message>, messages: Vec<Message>) {
    for message in messages {
        queue.publish(message).await.unwrap();
    }
}

async fn next(queue: &dyn Channel<Message>) -> Option<Delivery<Message>> {
    within_patience(queue.receive()).await.unwrap()
}

/// Polls a future once, whether or not it was woken up.
async fn poll_once<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// Ends a test that would hang.
async fn within_patience<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("nothing comes")
}

async fn delivers_each_once_and_ends(queue: Arc<dyn Channel<Message>>) {
    let sent = messages(5, Priority::Normal);
    publish(&*queue, sent.clone()).await;
    queue.close().await.unwrap();
    assert!(queue.publish(sent[0].clone()).await.is_err());
    for message in &sent {
        let delivery = next(&*queue).await.unwrap();
        assert_eq!(delivery.message, *message, "one lane keeps its order");
        delivery.ack().await;
    }
    assert!(next(&*queue).await.is_none());
    assert!(queue.dead().await.unwrap().is_empty());
}

async fn what_is_dropped_comes_back(queue: Arc<dyn Channel<Message>>) {
    publish(&*queue, messages(1, Priority::High)).await;
    queue.close().await.unwrap();
    let delivery = next(&*queue).await.unwrap();
    let mut waiting = pin!(queue.receive());
    for _ in 0..5 {
        assert!(poll_once(waiting.as_mut()).await.is_pending(), "the queue is not over while a message is in hand");
        // What a queue asks elsewhere, it has an answer to when this has one.
        queue.dead().await.unwrap();
    }
    drop(delivery);
    let again = within_patience(waiting).await.unwrap().unwrap();
    assert_eq!(again.message.failures, 0, "a crash is not the message's fault");
    again.ack().await;
    assert!(next(&*queue).await.is_none());
}

async fn what_keeps_failing_dies(queue: Arc<dyn Channel<Message>>) {
    publish(&*queue, messages(2, Priority::Low)).await;
    queue.close().await.unwrap();
    let hopeless = next(&*queue).await.unwrap();
    hopeless.dead("never").await.unwrap();
    for failures in 0..MAX_DELIVERIES {
        let delivery = next(&*queue).await.unwrap();
        assert_eq!(delivery.message.failures, failures);
        delivery.retry("storm").await.unwrap();
    }
    assert!(next(&*queue).await.is_none());
    let dead = queue.dead().await.unwrap();
    assert_eq!((dead.len(), dead[0].1.as_str()), (2, "never"));
    assert!(dead[1].1.contains("storm") && dead[1].1.contains('5'), "{}", dead[1].1);
}

/// A receiver is dropped at each of its awaits, with the message published before each of them: it comes to the next
/// one.
async fn a_receiver_that_gives_up_loses_nothing(queue: Arc<dyn Channel<Message>>) {
    let message = messages(1, Priority::Normal).remove(0);
    for before in 0..4 {
        let mut lasted = 0;
        while !gives_up(&*queue, &message, before, lasted).await {
            lasted += 1;
            assert!(lasted < 1_000, "a receiver that is woken up again and again receives nothing");
        }
    }
}

/// Polls a receiver `before` times, publishes the message, polls it again for as long as it is woken up, at most
/// `after` times, and drops it. Whether it had received the message by then; if not, another receiver gets it.
async fn gives_up(queue: &dyn Channel<Message>, message: &Message, before: usize, after: usize) -> bool {
    let mut receiving = queue.receive();
    for _ in 0..before {
        assert!(poll_once(receiving.as_mut()).await.is_pending(), "nothing was published yet");
    }
    queue.publish(message.clone()).await.unwrap();
    let mut left = after;
    let received = within_patience(poll_fn(|context| match receiving.as_mut().poll(context) {
        Poll::Ready(received) => Poll::Ready(Some(received)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    }));
    let received = received.await;
    drop(receiving);
    let (delivery, in_time) = match received {
        Some(received) => (received.unwrap(), true),
        None => (next(queue).await, false),
    };
    let delivery = delivery.unwrap();
    assert_eq!(delivery.message, *message);
    delivery.ack().await;
    in_time
}

async fn no_lane_starves(queue: Arc<dyn Channel<Message>>) {
    for priority in [Priority::Low, Priority::Normal, Priority::High] {
        publish(&*queue, messages(20, priority)).await;
    }
    let mut lanes = Vec::new();
    for _ in 0..20 {
        let delivery = next(&*queue).await.unwrap();
        lanes.push(delivery.message.priority());
        delivery.ack().await;
    }
    let share = |lane| lanes.iter().filter(|l| **l == lane).count();
    assert!(
        share(Priority::High) > share(Priority::Normal) && share(Priority::Normal) > share(Priority::Low),
        "{lanes:?}"
    );
    assert!(share(Priority::Low) > 0, "{lanes:?}");
}

async fn many_receivers_share(queue: Arc<dyn Channel<Message>>) {
    let sent = messages(40, Priority::Normal);
    let receivers: Vec<_> = (0..4)
        .map(|_| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move {
                let mut got = Vec::new();
                while let Some(delivery) = next(&*queue).await {
                    got.push(delivery.message.job.stem.clone());
                    tokio::task::yield_now().await;
                    delivery.ack().await;
                }
                got
            })
        })
        .collect();
    publish(&*queue, sent.clone()).await;
    queue.close().await.unwrap();
    let mut all = Vec::new();
    for receiver in receivers {
        all.extend(receiver.await.unwrap());
    }
    assert_eq!(all.len(), sent.len());
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), sent.into_iter().map(|m| m.job.stem).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_and_notifications_come_again_until_they_are_dead() {
    needs!(Broker);
    let order = || Order::new(Task::Retry { campaign: "spring-0123456789ab".parse().unwrap() }, None);
    let notification = || Notification::from_bytes(b"{}").unwrap();
    come_again_until_dead(Arc::new(MemoryChannel::default()), order()).await;
    come_again_until_dead(Arc::new(MemoryChannel::default()), notification()).await;
    let quick = RabbitSettings { delays: vec![Duration::from_millis(20)], ..RabbitSettings::default() };
    let rabbit = Rabbit::connect(&shared().fresh(), false, quick).await.unwrap();
    come_again_until_dead(rabbit.orders(), order()).await;
    come_again_until_dead(rabbit.subscribe().await.unwrap(), notification()).await;
    let dead = rabbit.dead_letters().await.unwrap();
    assert_eq!(
        dead.iter().map(|letter| letter.from.as_deref()).collect::<Vec<_>>(),
        [Some("campaigns"), Some("webhooks")]
    );
    assert_eq!(rabbit.requeue(|_| true).await.unwrap().len(), 2, "both can be put back to work");
}

async fn come_again_until_dead<T: Payload>(channel: Arc<dyn Channel<T>>, message: T) {
    channel.publish(message).await.unwrap();
    let receive = async || within_patience(channel.receive()).await.unwrap().unwrap();
    receive().await.give_back().await.unwrap();
    receive().await.postpone(1).await.unwrap();
    for failures in 0..MAX_DELIVERIES {
        let delivery = receive().await;
        assert_eq!(delivery.message.failures(), failures);
        delivery.retry("storm").await.unwrap();
    }
    let dead = channel.dead().await.unwrap();
    assert!(dead.len() == 1 && dead[0].1.contains("storm"), "{dead:?}");
}

#[test]
fn envelopes_from_elsewhere_are_checked() {
    let message = messages(1, Priority::High).remove(0);
    let bytes = message.to_bytes().unwrap();
    assert_eq!(Message::from_bytes(&bytes).unwrap(), message);
    let text = String::from_utf8(bytes).unwrap();
    let stem = &message.job.stem;
    for forged in [
        "{}".to_owned(),
        text.replacen("\"version\":1", "\"version\":2", 1),
        text.replacen("\"failures\":0", "\"failures\":-1", 1),
        text.replacen("\"failures\":0", "\"failures\":0,\"extra\":1", 1),
        text.replace(stem.as_str(), "../../etc/passwd"),
        format!("{text}{}", " ".repeat(300 << 10)),
        "[".repeat(100_000),
    ] {
        assert!(Message::from_bytes(forged.as_bytes()).is_err(), "{forged:.80}");
    }
}
