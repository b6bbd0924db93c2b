//! A chain for development is in memory: nothing of it is in a file.

use crate::FOLDER;
use spb_tests::Scene;
use std::{fs, path::PathBuf};

/// The files that a process has open.
fn files(process: u32) -> Vec<PathBuf> {
	let open = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
	// One may be closed meanwhile.
	open.filter_map(|file| fs::read_link(file.unwrap().path()).ok()).collect()
}

fn of_a_database(files: Vec<PathBuf>) -> Vec<PathBuf> {
	let named = |file: &PathBuf| {
		let path = file.to_string_lossy();
		path.contains("paritydb") || path.contains("/spb/db")
	};
	files.into_iter().filter(named).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_for_development_should_have_no_files() {
	let scene = Scene::set(FOLDER).await;
	scene.until_final(2).await;
	assert_eq!(of_a_database(files(scene.node.id())), Vec::<PathBuf>::new());

	// Those of one that has a folder are found: chain and store.
	let folder = tempfile::tempdir().unwrap();
	let on_disk = Scene::set_on_disk(FOLDER, folder.path()).await;
	on_disk.until_final(2).await;
	let found = of_a_database(files(on_disk.node.id()));
	assert!(found.iter().any(|file| file.to_string_lossy().contains("paritydb")), "{found:?}");
	assert!(found.iter().any(|file| file.to_string_lossy().contains("/spb/db")), "{found:?}");
}
