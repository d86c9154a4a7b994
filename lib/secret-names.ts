const pattern = /PASSWORD|PASSPHRASE|SECRET|TOKEN|API_?KEY|ACCESS_KEY(?!_ID)|PRIVATE_KEY|CREDENTIAL/i;

/** Whether a variable of this name probably holds something that nobody must see. */
export const looksSecret = (name: string): boolean => pattern.test(name);
