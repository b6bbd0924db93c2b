//! How long SPB's rules take by themselves, on one core and without a runtime around them.

use criterion::{BenchmarkId, Criterion, Throughput};
use frame_support::traits::ConstU32;
use pallet_spb::{block::prepare, rules::Settling, runtime_api::Outcome};
use sp_core::H256;
use sp_runtime::traits::Hash;
use spb_primitives::{database_root, root::entry_key, CtpId, Hashing};
use spb_rules_benchmarks::{
	history,
	market::{proven, Market, Memory, GENESIS, NOW},
};
use std::{hint::black_box, time::SystemTime};

/// What a vault's owner, a meter and a certifying meter signed.
fn verify(criterion: &mut Criterion) {
	let market = Market::new(1);
	let trade = &market.trades[0];
	let mut group = criterion.benchmark_group("verify");
	group.bench_function("ctp", |bencher| {
		let (signed, owner) = (&trade.addition.ctp, market.owner(0));
		bencher.iter(|| black_box(signed).verify(owner, &GENESIS).expect("it is signed"));
	});
	group.bench_function("erc", |bencher| {
		bencher.iter(|| black_box(&trade.erc).verify(&GENESIS).expect("it is signed"));
	});
	for leaves in [64, 65_536] {
		let (key, proof) = proven(leaves);
		group.bench_with_input(BenchmarkId::new("coe", leaves), &proof, |bencher, proof| {
			bencher.iter(|| {
				black_box(proof).verify(&key, NOW, &GENESIS, &market).expect("it is certified");
			});
		});
	}
	group.finish();
}

/// Blocks that open and settle so many trades, all signatures verified.
fn fold(criterion: &mut Criterion) {
	let mut group = criterion.benchmark_group("fold");
	group.sample_size(10);
	for trades in [100, 1_000, 5_000] {
		let market = Market::new(trades);
		let (messages, store) = (market.messages(), Memory::default());
		group.throughput(Throughput::Elements(trades.into()));
		group.bench_with_input(BenchmarkId::from_parameter(trades), &messages, |bencher, all| {
			bencher.iter(|| {
				let folded = prepare::<_, _, ConstU32<5_000>>(
					&market,
					&store,
					&H256::zero(),
					black_box(all),
				);
				let (_, outcomes) = folded.expect("the database of genesis is empty");
				assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Taken));
			});
		});
	}
	group.finish();
}

/// What the runtime checks of the settlements of a block beside their signatures.
fn settle(criterion: &mut Criterion) {
	let mut group = criterion.benchmark_group("settle");
	for trades in [100, 5_000] {
		let market = Market::new(trades);
		let settlements: Vec<_> = market.trades.iter().map(|trade| trade.settlement()).collect();
		group.throughput(Throughput::Elements(trades.into()));
		group.bench_with_input(
			BenchmarkId::from_parameter(trades),
			&settlements,
			|bencher, settlements| {
				bencher.iter(|| {
					let mut settling = Settling::new(&market);
					for settlement in black_box(settlements) {
						let due = settling.due(settlement).expect("vault and offer cover it");
						settling.settle(settlement, &due);
					}
				});
			},
		);
	}
	group.finish();
}

/// The root over so many entries, computed anew.
fn root(criterion: &mut Criterion) {
	let mut group = criterion.benchmark_group("root");
	group.sample_size(20);
	for entries in [1_000_u32, 10_000, 100_000] {
		let entry = |number: u32| {
			let id = CtpId(Hashing::hash(&number.to_be_bytes()));
			(entry_key(number % 100, &id), H256::from_low_u64_be(number.into()))
		};
		let mut sorted: Vec<_> = (0..entries).map(entry).collect();
		sorted.sort_unstable();
		group.throughput(Throughput::Elements(entries.into()));
		group.bench_with_input(BenchmarkId::from_parameter(entries), &sorted, |bencher, all| {
			bencher.iter(|| database_root(black_box(all)));
		});
	}
	group.finish();
}

fn main() {
	let started = SystemTime::now();
	let folder = history::measurements();
	let mut criterion =
		Criterion::default().output_directory(&folder).without_plots().configure_from_args();
	verify(&mut criterion);
	fold(&mut criterion);
	settle(&mut criterion);
	root(&mut criterion);
	criterion.final_summary();
	match history::write(started) {
		Ok(Some(path)) => eprintln!("wrote {}", path.display()),
		Ok(None) => {},
		Err(error) => panic!("the history is not written: {error}"),
	}
}
