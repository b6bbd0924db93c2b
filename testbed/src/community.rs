//! A community of participants on a development chain: each with an account of its own and a
//! certified meter, whose trees meters of the other manufacturer sign.
//!
//! The accounts follow from the community's label and the participant's place in it, so the same
//! community is made anew with the same accounts. The meters' secrets are fresh.

use spb_client::{
	chain::{calls, runtime, Terms},
	connection::Connection,
	error::{Classify, Kind},
	files::Directory,
	keys::{AccountKey, KeyError, ManufacturerKey},
	meter::{last_block, Meter, MeterCertificate, MeterError},
	trade::Trader,
	tx::Submitted,
	Error,
};
use spb_primitives::{
	relay::ContactKey, AccountId, BlockNumber, Certificate, Energy, ManufacturerId, Money, OfferId,
	Price, VaultId,
};
use std::{path::Path, sync::Arc};
use subxt::utils::MultiAddress;

/// Who has the money at the beginning.
const FUNDER: &str = "//Alice";
/// The energy company that certifies producers.
const COMPANY: &str = "//Ferdie";
/// The manufacturers, by number.
const MAKERS: [(ManufacturerId, &str); 2] = [(1, "//One"), (2, "//Two")];
/// How long certificates count: a week of blocks.
const VALIDITY: BlockNumber = 201_600;
/// One-time keys in one tree at the most.
const TREE: u32 = 1 << 14;

/// What goes wrong with a community.
#[derive(Debug, thiserror::Error)]
pub enum CommunityError {
	/// The chain or a meter.
	#[error(transparent)]
	Client(#[from] Error),
	/// The chain does not know who certifies here.
	#[error("the chain does not know manufacturer {0} with its development key: use a chain that begins as `dev` does")]
	NoDevelopmentChain(ManufacturerId),
	/// What succeeded did not leave what it should.
	#[error("{0} is not on the chain although its transaction succeeded")]
	Absent(&'static str),
}

impl CommunityError {
	/// What it means to the one who called.
	pub fn kind(&self) -> Kind {
		match self {
			Self::Client(error) => error.kind(),
			Self::NoDevelopmentChain(_) => Kind::BadInput,
			Self::Absent(_) => Kind::Failed,
		}
	}
}

macro_rules! through_client {
	($($error:ty),*) => {$(
		impl From<$error> for CommunityError {
			fn from(error: $error) -> Self {
				Self::Client(error.into())
			}
		}
	)*};
}
through_client!(
	spb_client::connection::ConnectionError,
	spb_client::tx::TxError,
	spb_client::trade::TradeError,
	KeyError,
	MeterError
);

/// The result of what a community does.
pub type Result<T, E = CommunityError> = std::result::Result<T, E>;

/// The account that has the money at the beginning of a development chain.
pub fn funder() -> Result<AccountKey> {
	Ok(AccountKey::development(FUNDER)?)
}

/// One who trades.
#[derive(Clone, Debug)]
pub struct Participant {
	/// The account's key.
	pub key: AccountKey,
	/// The meter.
	pub meter: Arc<Meter>,
	/// Where the meter's state is.
	pub directory: Directory,
}

impl Participant {
	/// The account.
	pub fn account(&self) -> AccountId {
		self.key.account()
	}

	/// As a consumer.
	pub fn trader(&self, connection: &Connection) -> Trader {
		Trader::new(connection.clone(), self.key.clone(), self.meter.clone(), Arc::new(()))
	}
}

/// Participants whose meters are certified.
#[derive(Clone, Debug)]
pub struct Community {
	connection: Connection,
	/// In the order of their places.
	pub participants: Vec<Participant>,
}

impl Community {
	/// Makes the participants, with so many certified one-time keys each, and their meters' state in
	/// folders below `folder`. Their accounts have no money yet.
	pub async fn found(
		connection: Connection,
		label: &str,
		keys: &[u32],
		folder: &Path,
	) -> Result<Self> {
		let makers = makers()?;
		let mut participants = Vec::new();
		for place in 0..keys.len() {
			let key = AccountKey::development(&format!("//{label}//{place}"))?;
			let directory = Directory::new(folder.join(place.to_string()));
			let meter = Arc::new(Meter::create(directory.clone())?);
			let (maker, maker_key) = &makers[place % makers.len()];
			certify(&connection, &meter, *maker, maker_key).await?;
			participants.push(Participant { key, meter, directory });
		}
		// A meter beside them, so that also the meter of one alone has another one to sign for it.
		let neighbour = Meter::create(Directory::new(folder.join("neighbour")))?;
		let (maker, maker_key) = &makers[keys.len() % makers.len()];
		certify(&connection, &neighbour, *maker, maker_key).await?;
		for (place, &keys) in keys.iter().enumerate() {
			// The next one is of the other manufacturer.
			let signer = participants.get(place + 1).map_or(&neighbour, |next| &next.meter);
			let meter = &participants[place].meter;
			let trees = keys.div_ceil(TREE);
			for tree in 0..trees {
				let leaves = if tree + 1 < trees { TREE } else { keys - tree * TREE };
				sign_tree(&connection, meter, signer, leaves).await?;
			}
		}
		Ok(Self { connection, participants })
	}

	/// The connection.
	pub fn connection(&self) -> &Connection {
		&self.connection
	}

	/// A participant as a consumer.
	pub fn trader(&self, place: usize) -> Trader {
		self.participants[place].trader(&self.connection)
	}

	/// Makes the next tree of a participant's meter, signed by another participant's meter.
	pub async fn grow(&self, place: usize, signer: usize, leaves: u32) -> Result<()> {
		let (meter, signer) = (&self.participants[place].meter, &self.participants[signer].meter);
		sign_tree(&self.connection, meter, signer, leaves).await
	}

	/// Gives each participant money, and waits until they have it.
	pub async fn fund(&self, amounts: &[Money]) -> Result<()> {
		let funder = funder()?;
		let mut submitted = Vec::new();
		for (participant, amount) in self.participants.iter().zip(amounts) {
			if amount.is_zero() {
				continue;
			}
			let account = MultiAddress::Id(participant.account().into());
			let balances = runtime::transactions().balances();
			let call = balances.transfer_keep_alive(account, amount.units());
			submitted.push(self.connection.submit(&call, &funder).await?);
		}
		self.wait_for(&submitted).await
	}

	/// Waits until transactions are in blocks and have done what they should.
	pub async fn wait_for(&self, submitted: &[Submitted]) -> Result<()> {
		for transaction in submitted {
			self.connection.wait_for(transaction).await?;
		}
		Ok(())
	}

	/// Asks for an energy account to be opened by burning coin.
	pub async fn open_with_burn(&self, place: usize) -> Result<Submitted> {
		let key = &self.participants[place].key;
		Ok(self.connection.submit(&calls::open_account_with_burn(), key).await?)
	}

	/// Asks for an energy account to be opened with the energy company's certificate.
	pub async fn open_with_certificate(&self, place: usize) -> Result<Submitted> {
		let company_key = AccountKey::development(COMPANY)?;
		let key = &self.participants[place].key;
		let genesis = self.connection.genesis();
		let (account, company) = (key.account(), company_key.account());
		let valid_until = self.connection.best().await?.number.saturating_add(VALIDITY);
		let payload = Certificate::payload(&account, &company, valid_until, &genesis);
		let signature = company_key.sign(&payload);
		let certificate = Certificate { account, company, valid_until, signature };
		let call = calls::open_account_with_certificate(certificate);
		Ok(self.connection.submit(&call, key).await?)
	}

	/// Asks for energy to be offered at a listed price.
	pub async fn offer(&self, place: usize, energy: Energy, price: Price) -> Result<Submitted> {
		let call = calls::offer_energy(energy, price, Terms::Listed, Default::default());
		Ok(self.connection.submit(&call, &self.participants[place].key).await?)
	}

	/// Asks for energy to be offered at a listed price or below it, to whoever bargains with the
	/// holder of this contact key.
	pub async fn offer_negotiable(
		&self,
		place: usize,
		energy: Energy,
		price: Price,
		contact: ContactKey,
	) -> Result<Submitted> {
		let call = calls::offer_energy(energy, price, Terms::Negotiable, contact);
		Ok(self.connection.submit(&call, &self.participants[place].key).await?)
	}

	/// Asks for energy to be added to an offer.
	pub async fn top_up(&self, place: usize, offer: OfferId, energy: Energy) -> Result<Submitted> {
		let call = calls::top_up_offer(offer, energy);
		Ok(self.connection.submit(&call, &self.participants[place].key).await?)
	}

	/// Asks for money to be set aside.
	pub async fn deposit(&self, place: usize, amount: Money) -> Result<Submitted> {
		let key = &self.participants[place].key;
		Ok(self.connection.submit(&calls::deposit(amount), key).await?)
	}

	/// The number of a participant's first offer.
	pub async fn offer_of(&self, place: usize) -> Result<OfferId> {
		let producer = Some(self.participants[place].account());
		let filter = spb_client::chain::OfferFilter { producer, ..Default::default() };
		let offers = self.connection.best_view().await?.offers(filter).await?;
		offers.first().map(|offer| offer.id).ok_or(CommunityError::Absent("the offer"))
	}

	/// The number of a participant's vault.
	pub async fn vault_of(&self, place: usize) -> Result<VaultId> {
		let view = self.connection.best_view().await?;
		let vault = view.vault_of(&self.participants[place].account()).await?;
		vault.map(|vault| vault.id).ok_or(CommunityError::Absent("the vault"))
	}
}

fn makers() -> Result<Vec<(ManufacturerId, ManufacturerKey)>> {
	let keys = MAKERS.iter().map(|(id, uri)| Ok((*id, ManufacturerKey::development(uri)?)));
	keys.collect()
}

/// Has a meter certified by its manufacturer.
async fn certify(
	connection: &Connection,
	meter: &Meter,
	maker: ManufacturerId,
	key: &ManufacturerKey,
) -> Result<()> {
	let genesis = connection.genesis();
	let register = connection.best_view().await?.register(maker, &meter.key()?).await?;
	if register.manufacturers.get(&maker) != Some(&key.public()) {
		return Err(CommunityError::NoDevelopmentChain(maker));
	}
	let certificate = MeterCertificate::sign(key, maker, meter.key()?, &genesis);
	Ok(meter.keep_certificate(&certificate, &genesis, &register)?)
}

/// Has a meter's next tree signed by another one.
async fn sign_tree(
	connection: &Connection,
	meter: &Meter,
	signer: &Meter,
	leaves: u32,
) -> Result<()> {
	let genesis = connection.genesis();
	let view = connection.best_view().await?;
	let now = view.head().number;
	let until = last_block(now, VALIDITY)?;
	let asked = meter.request_coe(leaves, until, &genesis, &(), |_| Ok(()))?;
	let request = asked.request();
	let asker = view.register(request.manufacturer, &request.requester).await?;
	let signed = signer.sign_coe(&asked, until, now, &genesis, &asker)?;
	let coe = signed.coe();
	let register = view.register(coe.manufacturer, &coe.signer).await?;
	Ok(meter.keep_coe(&signed, now, &genesis, &register)?)
}
