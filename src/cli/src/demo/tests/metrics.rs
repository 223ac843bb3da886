use crate::demo::metrics::Received;

#[test]
fn delivered_and_refused_messages_are_added_up() {
    let mut received = Received::default();
    received.add_text(
        "HTTP/1.1 200 OK\r\n\r\n\
         # TYPE wayside_messages_delivered counter\n\
         wayside_messages_delivered_total{type=\"telemetry\"} 40\n\
         wayside_messages_delivered_total{type=\"hazard\"} 2\n\
         wayside_messages_rejected_total{type=\"unknown\",reason=\"stale\"} 3\n\
         wayside_messages_rejected_total{type=\"unknown\",reason=\"duplicate\"} 0\n",
    );
    received.add_text("wayside_messages_rejected_total{type=\"unknown\",reason=\"stale\"} 1\n");
    assert_eq!(received.delivered, 42);
    assert_eq!(received.refused, [("stale".to_owned(), 4)].into());
}
