// The answer to AuthenticationMD5Password. MD5 is deprecated by PostgreSQL 18 and used only where the user asked for it by name; that
// policy is the client's, not this file's. The string handed out opens the account like the password does: a secret.
import { md5 } from "@noble/hashes/legacy"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils"

/**
 * `md5` and the hex of md5(hex(md5(password ‖ user)) ‖ salt): 35 characters, for PasswordMessage. The password is taken as it is,
 * in UTF-8, without SASLprep, as libpq does (common/md5_common.c, pg_md5_encrypt).
 *
 * @throws RangeError if the salt has not 4 bytes
 */
export const md5Password = (user: string, password: string, salt: Uint8Array): string => {
  if (salt.length !== 4) throw new RangeError("the salt of AuthenticationMD5Password has 4 bytes")
  const inner = utf8ToBytes(bytesToHex(md5(utf8ToBytes(password + user))))
  const salted = new Uint8Array(inner.length + 4)
  salted.set(inner)
  salted.set(salt, inner.length)
  return `md5${bytesToHex(md5(salted))}`
}
