//! Archives of this host's own compilers, for its own clients.
use icecream::GetNativeEnv;
pub(crate) struct Natives;
impl Natives {
    pub(crate) async fn get(&self, _wanted: GetNativeEnv) -> Result<Vec<u8>, String> { Err("not yet".to_owned()) }
    pub(crate) fn inventory(&self) -> Vec<(String, String, u64)> { Vec::new() }
}
