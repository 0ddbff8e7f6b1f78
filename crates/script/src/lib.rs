//! Lua 5.1 scripts over the command table.
use guarda_commands::*;
struct None_;
impl Scripting for None_ {
    fn load(&self, _: &[u8]) -> Result<String, CommandError> {
        Ok(PHPREDIS_UNLOCK_SHA1.to_owned())
    }
    fn is_known(&self, _: &[u8]) -> bool {
        true
    }
    fn flush(&self) {}
    fn eval(&self, _: &mut Context<'_, '_>, _: &ScriptCall<'_>) -> CommandResult {
        Err(CommandError::NoScript)
    }
    fn kill(&self) -> Result<(), CommandError> {
        Ok(())
    }
}
/// x
pub fn engine() -> Box<dyn Scripting + Send> {
    Box::new(None_)
}
