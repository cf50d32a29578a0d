fn main() {
    let chunk = br#"data: {"id":"chatcmpl-0123456789abcdef","object":"chat.completion.chunk","created":1790000000,"model":"meta/llama-3.1-8b","choices":[{"index":0,"delta":{"content":" hello"},"logprobs":null,"finish_reason":null}]}"#;
    let e = endpoint::by_name("chat").unwrap();
    println!("{}", chunk.len());
    for _ in 0..3 {
        let t = std::time::Instant::now();
        let mut n = 0;
        for _ in 0..2_000_000 {
            let f = endpoint::sse::fields(std::hint::black_box(chunk));
            n += e.event(&f.data).content.len();
        }
        println!("{} {:?} ns", n, t.elapsed().as_nanos() as f64 / 2e6);
    }
}
