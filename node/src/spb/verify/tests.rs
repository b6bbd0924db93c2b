use super::{host::crypto, *};
use sp_state_machine::BasicExternalities;
use std::collections::BTreeMap;

const MESSAGE: &[u8] = b"a message";

/// A good signature of [`MESSAGE`], by the key of this number; always the same, though the scheme makes
/// another one each time.
fn sr25519(number: u8) -> (sr25519::Signature, sr25519::Public) {
	static MADE: Mutex<BTreeMap<u8, sr25519::Signature>> = Mutex::new(BTreeMap::new());
	let pair = sr25519::Pair::from_seed(&[number; 32]);
	let signature = *MADE.lock().entry(number).or_insert_with(|| pair.sign(MESSAGE));
	(signature, pair.public())
}

fn ed25519(number: u8) -> (ed25519::Signature, ed25519::Public) {
	let pair = ed25519::Pair::from_seed(&[number; 32]);
	(pair.sign(MESSAGE), pair.public())
}

/// Good signatures of both schemes.
fn good() -> [Signature; 2] {
	let ((account, by), (meter, of)) = (sr25519(1), ed25519(1));
	[Signature::Sr25519(account, by), Signature::Ed25519(meter, of)]
}

/// The same signatures, said to be by others.
fn bad() -> [Signature; 2] {
	let ((account, _), (meter, _)) = (sr25519(1), ed25519(1));
	[Signature::Sr25519(account, sr25519(2).1), Signature::Ed25519(meter, ed25519(2).1)]
}

fn verified() -> Arc<Verified> {
	Arc::new(Verified::new(Metrics::new(None).unwrap()))
}

/// How many signatures were verified, and how many remembered.
fn counts(verified: &Verified) -> (u64, u64) {
	let metrics = &verified.metrics;
	(metrics.signatures_verified.get(), metrics.signatures_remembered.get())
}

#[test]
fn good_signature_should_be_verified_once() {
	let verified = verified();
	for _ in 0..3 {
		assert!(good().iter().all(|signature| verified.verify(signature, MESSAGE)));
	}
	assert_eq!(counts(&verified), (2, 4));
}

#[test]
fn bad_signature_should_be_bad_each_time() {
	let verified = verified();
	for _ in 0..2 {
		assert!(!bad().iter().any(|signature| verified.verify(signature, MESSAGE)));
	}
	assert_eq!(counts(&verified), (4, 0));
}

#[test]
fn good_signature_should_say_nothing_of_other_messages_and_keys() {
	let verified = verified();
	for (good, bad) in good().iter().zip(&bad()) {
		assert!(verified.verify(good, MESSAGE));
		assert!(!verified.verify(good, b"another message"));
		assert!(!verified.verify(good, b""));
		assert!(!verified.verify(bad, MESSAGE));
	}
}

#[test]
fn schemes_should_not_be_taken_for_each_other() {
	let (signature, key) = sr25519(1);
	let one = Signature::Sr25519(signature, key);
	let other = Signature::Ed25519(
		ed25519::Signature::from_raw(signature.0),
		ed25519::Public::from_raw(key.0),
	);
	assert_ne!(one.digest(MESSAGE), other.digest(MESSAGE));
}

#[test]
fn what_many_threads_ask_for_at_once_should_be_verified_once() {
	let verified = verified();
	let [signature, _] = good();
	std::thread::scope(|scope| {
		for _ in 0..8 {
			scope.spawn(|| assert!(verified.verify(&signature, MESSAGE)));
		}
	});
	assert_eq!(counts(&verified), (1, 7));
}

#[test]
fn call_ahead_should_stand_where_all_are_good() {
	let verified = verified();
	let ahead = Ahead::new(verified.clone());
	assert!(ahead.all_good(), "nothing was asked");
	for _ in 0..2 {
		assert!(good().iter().all(|signature| ahead.verify(signature, MESSAGE)));
	}
	assert!(ahead.all_good());
	assert_eq!(counts(&verified).0, 2, "each is verified once");
	let again = Ahead::new(verified.clone());
	assert!(good().iter().all(|signature| again.verify(signature, MESSAGE)));
	assert!(again.all_good());
	assert_eq!(counts(&verified), (2, 2));
}

#[test]
fn call_ahead_should_not_stand_where_one_is_bad() {
	for bad in bad() {
		let verified = verified();
		let ahead = Ahead::new(verified.clone());
		assert!(ahead.verify(&good()[0], MESSAGE));
		assert!(ahead.verify(&bad, MESSAGE), "it is known only later");
		assert!(!ahead.all_good());
		// Asked again, each by itself, it is refused at once.
		assert!(verified.verify(&good()[0], MESSAGE));
		assert!(!verified.verify(&bad, MESSAGE));
	}
}

#[test]
fn many_signatures_should_all_be_waited_for() {
	let verified = verified();
	let ahead = Ahead::new(verified.clone());
	for number in 0..100 {
		let (signature, key) = sr25519(number);
		ahead.verify(&Signature::Sr25519(signature, key), MESSAGE);
	}
	assert!(ahead.all_good());
	assert_eq!(counts(&verified), (100, 0));
}

/// Answers always the same and writes down what it was asked.
struct Double(bool, Mutex<Vec<(Signature, Vec<u8>)>>);

impl Verify for Double {
	fn verify(&self, signature: &Signature, message: &[u8]) -> bool {
		self.1.lock().push((*signature, message.to_vec()));
		self.0
	}
}

/// What the host functions say to a runtime of these signatures.
fn ask_host(signatures: &[Signature; 2]) -> Vec<bool> {
	let ask = |signature: &Signature| match signature {
		Signature::Ed25519(signature, key) => crypto::ed25519_verify(signature, MESSAGE, key),
		Signature::Sr25519(signature, key) => crypto::sr25519_verify(signature, MESSAGE, key),
	};
	signatures.iter().map(ask).collect()
}

#[test]
fn host_should_ask_whoever_answers_in_the_call() {
	for answer in [true, false] {
		let double = Arc::new(Double(answer, Mutex::default()));
		let mut externalities = BasicExternalities::new_empty();
		externalities.register_extension(VerifyExt(double.clone()));
		externalities.execute_with(|| {
			assert_eq!(ask_host(&good()), [answer; 2]);
			assert_eq!(ask_host(&bad()), [answer; 2]);
		});
		let asked: Vec<_> = [good(), bad()].concat();
		let asked: Vec<_> = asked.into_iter().map(|s| (s, MESSAGE.to_vec())).collect();
		assert_eq!(*double.1.lock(), asked);
	}
}

#[test]
fn host_should_verify_by_itself_where_no_one_answers() {
	let ask = || assert_eq!((ask_host(&good()), ask_host(&bad())), (vec![true; 2], vec![false; 2]));
	BasicExternalities::new_empty().execute_with(ask);
	ask();
}

#[test]
fn host_should_know_all_functions_of_the_sdk_and_no_other() {
	use sc_executor::{sp_wasm_interface, HostFunctions as _};
	let names = |functions: Vec<&'static dyn sp_wasm_interface::Function>| {
		let mut names: Vec<_> = functions.iter().map(|f| f.name().to_owned()).collect();
		names.sort();
		names
	};
	let ours = names(host::HostFunctions::host_functions());
	assert_eq!(ours, names(sp_io::SubstrateHostFunctions::host_functions()));
}
