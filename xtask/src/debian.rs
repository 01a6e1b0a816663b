//! Debian packages that tests need.

/// A package and why it is needed.
pub(crate) struct Package {
    pub(crate) name: &'static str,
    /// A file that it brings: whether it is installed is not asked of dpkg, so that other
    /// distributions pass too.
    pub(crate) file: &'static str,
    pub(crate) why: &'static str,
}

macro_rules! packages {
    ($list:ident: $($name:literal, $file:literal, $why:literal;)*) => {
        pub(crate) const $list: &[Package] = &[
            $(Package { name: $name, file: $file, why: $why },)*
        ];
    };
}

packages! {
    PACKAGES:
    "gcc", "/usr/bin/gcc", "compiler under test";
    "g++", "/usr/bin/g++", "compiler under test";
    "clang", "/usr/bin/clang", "compiler under test";
    "binutils", "/usr/bin/readelf", "objects are compared";
    "make", "/usr/bin/make", "real projects are built";
    "icecc", "/usr/sbin/iceccd", "C++ icecream, the peer";
    "distcc", "/usr/bin/distccd", "another peer that is measured";
    "icecream-sundae", "/usr/bin/icecream-sundae", "a monitor of C++ icecream";
    "icecc-monitor", "/usr/bin/icemon", "the other monitor of C++ icecream";
    "tmux", "/usr/bin/tmux", "a monitor's screen is read";
    "strace", "/usr/bin/strace", "compilers are watched opening files";
    "gdb", "/usr/bin/gdb", "debug information is looked at as its users do";
    "g++-11", "/usr/bin/g++-11", "a second version of a compiler";
    "libclang-rt-14-dev", "/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.asan-x86_64.a", "sanitized programs are linked";
    "clang-16", "/usr/bin/clang-16", "a newer clang, with its libraries by $ORIGIN";
    "gcc-mingw-w64-x86-64", "/usr/bin/x86_64-w64-mingw32-gcc", "cross compiler under test";
    "g++-mingw-w64-x86-64", "/usr/bin/x86_64-w64-mingw32-g++", "cross compiler under test";
    "gcc-aarch64-linux-gnu", "/usr/bin/aarch64-linux-gnu-gcc", "cross compiler under test";
    "g++-aarch64-linux-gnu", "/usr/bin/aarch64-linux-gnu-g++", "cross compiler under test";
    "gcc-riscv64-linux-gnu", "/usr/bin/riscv64-linux-gnu-gcc", "cross compiler under test";
    "musl-tools", "/usr/bin/musl-gcc", "script that gives gcc a specs file";
    "ccache", "/usr/bin/ccache", "is used in front of the wrapper";
    "libfaketime", "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", "clocks are made to jump";
    "dpkg-dev", "/usr/bin/dpkg-source", "sources of real projects are unpacked";
    "iproute2", "/usr/sbin/ip", "hosts of a lab are connected";
    "util-linux", "/usr/bin/nsenter", "hosts of a lab are entered";
    "procps", "/usr/bin/ps", "processes are counted";
}

packages! {
    CORPORA:
    "cmake", "/usr/bin/cmake", "projects are configured";
    "ninja-build", "/usr/bin/ninja", "they are built";
    "libboost-dev", "/usr/include/boost/version.hpp", "libtorrent reads its headers";
    "libssl-dev", "/usr/include/openssl/sha.h", "git reads its headers";
    "zlib1g-dev", "/usr/include/zlib.h", "git reads its headers";
    "tcl-dev", "/usr/include/tcl8.6/tcl.h", "sqlite's sources are put together by it, and its tests read its headers";
    "llvm-14", "/usr/lib/llvm-14/bin/llvm-tblgen", "makes LLVM's tables, which would take an hour to build";
    "flex", "/usr/bin/flex", "Linux is configured";
    "bison", "/usr/bin/bison", "Linux is configured";
    "bc", "/usr/bin/bc", "Linux is configured";
    "libelf-dev", "/usr/include/gelf.h", "Linux' own tools are built";
}

/// Those that are not here.
pub(crate) fn missing(packages: &'static [Package]) -> Vec<&'static Package> {
    let here = |package: &&Package| {
        let file = package.file;
        // Merged and unmerged /usr.
        [file, file.trim_start_matches("/usr")]
            .iter()
            .any(|path| std::path::Path::new(path).exists())
    };
    packages.iter().filter(|package| !here(package)).collect()
}
