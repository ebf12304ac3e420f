/** The user pool's rules for passwords, told while one is typed. Cognito decides. */

export const PASSWORD_RULES = {
  ruleLength: (password: string) => [...password].length >= 12,
  ruleLower: (password: string) => /[a-z]/.test(password),
  ruleUpper: (password: string) => /[A-Z]/.test(password),
  ruleDigit: (password: string) => /[0-9]/.test(password),
  // Cognito's own list.
  ruleSymbol: (password: string) => /[\^$*.[\]{}()?"!@#%&/\\,><':;|_~`=+\- ]/.test(password.trim()),
} as const;

export type PasswordRule = keyof typeof PASSWORD_RULES;

export function unmetRules(password: string): PasswordRule[] {
  return (Object.keys(PASSWORD_RULES) as PasswordRule[]).filter((rule) => !PASSWORD_RULES[rule](password));
}
