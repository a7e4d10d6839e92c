//! Every queue keeps the same promises. A new implementation adds one test that calls [`conforms`] with a way to open
//! fresh queues.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use housestyle::broker::{
    Channel, Delivery, MAX_DELIVERIES, MemoryChannel, Message, Notification, Order, Payload, Rabbit, RabbitSettings, Task,
};
use housestyle::spec::Priority;

use crate::support::small_plan;

#[tokio::test(flavor = "multi_thread")]
async fn memory() {
    conforms(async || Arc::new(MemoryChannel::default()) as _).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbit() {
    let broker = crate::support::broker::shared();
    let quick = RabbitSettings { delays: [20, 40].map(Duration::from_millis).into(), ..RabbitSettings::default() };
    conforms(async || Rabbit::connect(&broker.fresh(), false, quick.clone()).await.unwrap().jobs()).await;
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
    tokio::time::timeout(Duration::from_secs(120), queue.receive()).await.expect("nothing comes").unwrap()
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
    let waiting = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { next(&*queue).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!waiting.is_finished(), "the queue is not over while a message is in hand");
    drop(delivery);
    let again = waiting.await.unwrap().unwrap();
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

async fn a_receiver_that_gives_up_loses_nothing(queue: Arc<dyn Channel<Message>>) {
    for _ in 0..5 {
        assert!(tokio::time::timeout(Duration::from_millis(5), queue.receive()).await.is_err());
    }
    publish(&*queue, messages(1, Priority::Normal)).await;
    next(&*queue).await.unwrap().ack().await;
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
    assert!(share(Priority::High) > share(Priority::Normal) && share(Priority::Normal) > share(Priority::Low), "{lanes:?}");
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
    let order = || Order::new(Task::Retry { campaign: "spring-0123456789ab".parse().unwrap() }, None);
    let notification = || Notification::from_bytes(b"{}").unwrap();
    come_again_until_dead(Arc::new(MemoryChannel::default()), order()).await;
    come_again_until_dead(Arc::new(MemoryChannel::default()), notification()).await;
    let broker = crate::support::broker::shared();
    let quick = RabbitSettings { delays: vec![Duration::from_millis(20)], ..RabbitSettings::default() };
    let rabbit = Rabbit::connect(&broker.fresh(), false, quick).await.unwrap();
    come_again_until_dead(rabbit.orders(), order()).await;
    come_again_until_dead(rabbit.subscribe().await.unwrap(), notification()).await;
    let dead = rabbit.dead_letters().await.unwrap();
    assert_eq!(dead.iter().map(|letter| letter.from.as_deref()).collect::<Vec<_>>(), [Some("campaigns"), Some("webhooks")]);
    assert_eq!(rabbit.requeue(|_| true).await.unwrap().len(), 2, "both can be put back to work");
}

async fn come_again_until_dead<T: Payload>(channel: Arc<dyn Channel<T>>, message: T) {
    channel.publish(message).await.unwrap();
    let receive = async || {
        let received = tokio::time::timeout(Duration::from_secs(120), channel.receive()).await;
        received.expect("nothing comes").unwrap().unwrap()
    };
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
