//! The template and the code agree on what each function may do and how often a message comes.

use harness::permissions;
use ponte::flow::MAX_DELIVERIES;

#[test]
fn the_last_delivery_is_the_queues_last() {
    assert_eq!(permissions::inbox_deliveries(), MAX_DELIVERIES);
}
