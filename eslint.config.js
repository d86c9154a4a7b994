import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

export default defineConfig(
  { ignores: ['node_modules', '**/*.mjs'] },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['eslint.config.js'] } } },
    rules: {
      // Numbers and booleans in a message are what they look like.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // `parse<T>(text)` says at the call what is expected.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // Contexts are plain objects, made to be taken apart.
      '@typescript-eslint/unbound-method': 'off',
      // Taking a key out of an object is a use of it.
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      // An async function turns what is thrown into a rejection, also without awaiting.
      '@typescript-eslint/require-await': 'off',
      // `void` marks a result that is dropped on purpose, whatever its type.
      '@typescript-eslint/no-meaningless-void-operator': 'off',
    },
  },
);
