// What the pretended services answer.

export interface Answer {
  readonly code: number;
  readonly answer: object | string;
}

export const found = (answer: object): Answer => ({ code: 200, answer });

export const refused = (code: number, message: string): Answer => ({
  code,
  answer: { error: { code, message } },
});
