// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// The conventional trade: the producer sets a contract up, the consumer pays into it and confirms
/// when the energy has come; then the producer is paid. Who is not paid in time is not paid at all.
///
/// One deployment serves everyone, as one pallet does. What it keeps of a trade fits two words.
contract Escrow {
    struct Trade {
        address producer;
        uint32 energy;
        uint32 last;
        bool paid;
        address consumer;
        uint96 amount;
    }

    mapping(uint256 => Trade) public trades;
    uint256 public next;

    event SetUp(uint256 indexed trade, address indexed consumer);
    event Paid(uint256 indexed trade);
    event Confirmed(uint256 indexed trade);
    event Closed(uint256 indexed trade);

    error Empty();
    error NotConsumer();
    error WrongAmount();
    error AlreadyPaid();
    error NotPaid();
    error RunOut();
    error NotRunOut();
    error TransferFailed();

    /// Sets a contract up, by the producer: for a consumer, so many Wh, at this amount, to be paid and
    /// confirmed within `lifetime` blocks.
    function setUp(address consumer, uint32 energy, uint96 amount, uint32 lifetime) external {
        if (consumer == address(0) || energy == 0 || amount == 0 || lifetime == 0) revert Empty();
        uint256 trade = next++;
        trades[trade] = Trade({
            producer: msg.sender,
            energy: energy,
            last: uint32(block.number) + lifetime,
            paid: false,
            consumer: consumer,
            amount: amount
        });
        emit SetUp(trade, consumer);
    }

    /// Pays into a contract, by its consumer.
    function pay(uint256 trade) external payable {
        Trade storage terms = trades[trade];
        if (terms.consumer != msg.sender) revert NotConsumer();
        if (terms.paid) revert AlreadyPaid();
        if (block.number > terms.last) revert RunOut();
        if (msg.value != terms.amount) revert WrongAmount();
        terms.paid = true;
        emit Paid(trade);
    }

    /// Confirms that the energy has come, by the consumer: the producer is paid.
    function confirm(uint256 trade) external {
        Trade memory terms = trades[trade];
        if (terms.consumer != msg.sender) revert NotConsumer();
        if (!terms.paid) revert NotPaid();
        if (block.number > terms.last) revert RunOut();
        delete trades[trade];
        send(terms.producer, terms.amount);
        emit Confirmed(trade);
    }

    /// Closes a contract that has run out, by anyone: what was paid is the consumer's again.
    function close(uint256 trade) external {
        Trade memory terms = trades[trade];
        if (terms.consumer == address(0)) revert Empty();
        if (block.number <= terms.last) revert NotRunOut();
        delete trades[trade];
        if (terms.paid) send(terms.consumer, terms.amount);
        emit Closed(trade);
    }

    function send(address to, uint256 amount) private {
        (bool done, ) = to.call{value: amount}("");
        if (!done) revert TransferFailed();
    }
}
